import Testing

/// Feeds a decoder the way a network or an attacker would: cut anywhere, cut off anywhere, damaged, or plain garbage.
///
/// Everything is seeded: a failure happens again.
enum Drip {
    // MARK: Ways to cut

    /// One piece per byte.
    static func bytewise(_ bytes: [UInt8]) -> [[UInt8]] {
        bytes.map { [$0] }
    }

    /// Every way to cut the bytes in two, neither part empty.
    static func splits(_ bytes: [UInt8]) -> [[[UInt8]]] {
        guard bytes.count > 1 else { return [] }
        return (1..<bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
    }

    /// One random way to cut the bytes into pieces; short pieces are common, empty ones occur.
    static func pieces(_ bytes: [UInt8], using generator: inout some RandomNumberGenerator) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let longest = Bool.random(using: &generator) ? 7 : bytes.count
            let piece = rest.prefix(Int.random(in: 0...longest, using: &generator))
            pieces.append(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }

    /// Every true beginning of the bytes, the empty one included.
    static func truncations(_ bytes: [UInt8]) -> [[UInt8]] {
        (0..<max(bytes.count, 1)).map { Array(bytes.prefix($0)) }
    }

    // MARK: Ways to go wrong

    /// Random byte strings, half of them made of the few values that headers are made of.
    static func garbage(count: Int = 400, maximumLength: Int = 200, seed: UInt64 = 1) -> [[UInt8]] {
        var generator = Generator(seed: seed)
        let telling: [UInt8] = [
            0x00, 0x01, 0x03, 0x04, 0x14, 0x16, 0x17, 0x7d, 0x7e, 0x7f, 0x80, 0x82, 0x88, 0x89, 0xff,
        ]
        return (0..<count).map { round in
            (0..<Int.random(in: 0...maximumLength, using: &generator)).map { _ in
                let byte = UInt8.random(in: .min ... .max, using: &generator)
                return round.isMultiple(of: 2) ? byte : telling[Int(byte) % telling.count]
            }
        }
    }

    /// Copies of the bytes with one to four of them changed, and sometimes with a part left out or doubled.
    static func damaged(_ bytes: [UInt8], count: Int = 400, seed: UInt64 = 1) -> [[UInt8]] {
        guard !bytes.isEmpty else { return [] }
        var generator = Generator(seed: seed)
        return (0..<count).map { _ in
            var copy = bytes
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: copy.indices, using: &generator)
                let isFlip = Bool.random(using: &generator)
                copy[index] = isFlip ? copy[index] ^ 0x80 : .random(in: 0...255, using: &generator)
            }
            let start = Int.random(in: copy.indices, using: &generator)
            let part = start..<min(start + Int.random(in: 0...8, using: &generator), copy.count)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: copy.removeSubrange(part)
            case 1: copy.insert(contentsOf: copy[part], at: start)
            default: break
            }
            return copy
        }
    }

    // MARK: Whole checks

    /// Expects that a decoder sees the same however the bytes are cut, and survives everything that can be wrong with
    /// them.
    ///
    /// - Parameters:
    ///   - bytes: what a decoder accepts.
    ///   - decode: makes a fresh decoder, feeds it the pieces in order and returns all that came out. What it throws
    ///     counts as its outcome; a decoder that says something before it fails should return both, to have both
    ///     compared.
    static func check(
        _ bytes: [UInt8], seed: UInt64 = 1, sourceLocation: SourceLocation = #_sourceLocation,
        decode: ([[UInt8]]) throws -> some Equatable
    ) {
        expectSame(bytes, cuts: [bytewise(bytes)] + splits(bytes), seed, sourceLocation, decode)
        for truncation in truncations(bytes) {
            expectSame(truncation, cuts: [], seed, sourceLocation, decode)
        }
        for wrong in damaged(bytes, seed: seed) + garbage(seed: seed) {
            expectSame(wrong, cuts: [bytewise(wrong)], seed, sourceLocation, decode)
        }
    }

    /// Expects the outcome of the uncut bytes from every cut given and from two random ones.
    private static func expectSame<Value: Equatable>(
        _ bytes: [UInt8], cuts: [[[UInt8]]], _ seed: UInt64, _ sourceLocation: SourceLocation,
        _ decode: ([[UInt8]]) throws -> Value
    ) {
        var generator = Generator(seed: seed &+ UInt64(bytes.count))
        let uncut = Outcome { try decode([bytes]) }
        for cut in cuts + [pieces(bytes, using: &generator), pieces(bytes, using: &generator)] {
            let outcome = Outcome { try decode(cut) }
            guard outcome != uncut else { continue }
            Issue.record(
                "\(outcome), uncut \(uncut): \(bytes) cut into \(cut.map(\.count))", sourceLocation: sourceLocation)
            return
        }
    }

    /// What a decoder returned or threw.
    private enum Outcome<Value: Equatable>: Equatable {
        case returned(Value)
        case threw(String)

        init(_ body: () throws -> Value) {
            do {
                self = .returned(try body())
            } catch {
                self = .threw(String(reflecting: error))
            }
        }
    }

    /// SplitMix64: short, good enough to make test data, the same everywhere.
    struct Generator: RandomNumberGenerator {
        private var state: UInt64

        init(seed: UInt64) {
            state = seed
        }

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var value = state
            value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
            return value ^ value >> 31
        }
    }
}
