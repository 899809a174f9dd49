import MTProtoWire
import ProxyTestKit

/// One call of the cipher on a piece of memory, drawn at random: which streams, where they stand, how long the
/// piece is, where source and destination begin, and what is done.
struct CipherCase {
    private enum Operation: CaseIterable {
        case apply, transcode, transcodeMasked
    }

    private var operation: Operation
    private var streams: [Int]
    /// How far into the known stretches the streams stand.
    private var skipped: [Int]
    private var length: Int
    private var sourceStart: Int
    private var destinationStart: Int
    private var isInPlace: Bool
    private var mask: UInt32
    private var phase: Int

    init(using random: inout SeededGenerator) {
        operation = Operation.allCases.randomElement(using: &random) ?? .apply
        streams = (0..<2).map { _ in Int.random(in: KnownStream.all.indices, using: &random) }
        skipped = (0..<2).map { _ in Int.random(in: 0..<200, using: &random) }
        if Bool.random(using: &random) {
            // The ordinary case: both stand at the same place of a block.
            let phases = zip(streams, skipped).map { (KnownStream.all[$0].start + UInt64($1)) % 16 }
            skipped[1] += (Int(phases[0]) - Int(phases[1]) + 16) % 16
        }
        length = Int.random(in: 0..<(random.next() % 4 == 0 ? 2600 : 150), using: &random)
        sourceStart = Int.random(in: 0..<40, using: &random)
        isInPlace = Bool.random(using: &random)
        destinationStart = isInPlace ? sourceStart : Int.random(in: 0..<40, using: &random)
        mask = UInt32.random(in: 0...(.max), using: &random)
        phase = Int.random(in: 0..<9, using: &random)
    }

    /// What the destination's memory holds afterwards, with what lies around the piece, and what it should hold.
    func run(using random: inout SeededGenerator) -> (actual: [UInt8], expected: [UInt8]) {
        let before = random.bytes(length + 80)
        let source = isInPlace ? before : random.bytes(length + 80)
        var expected = before
        for index in 0..<length {
            expected[destinationStart + index] = source[sourceStart + index] ^ pad(at: index)
        }
        var actual = before
        var first = KnownStream.all[streams[0]].cipher(skipping: skipped[0])
        var second = KnownStream.all[streams[1]].cipher(skipping: skipped[1])
        let offsets = (first.offset, second.offset)
        actual.withUnsafeMutableBytes { actual in
            source.withUnsafeBytes { source in
                guard let start = actual.baseAddress else { return }
                let memory = isInPlace ? UnsafeRawBufferPointer(actual) : source
                let piece = UnsafeRawBufferPointer(rebasing: memory[sourceStart..<sourceStart + length])
                call(&first, &second, piece, into: start + destinationStart)
            }
        }
        let advance = (UInt64(length), operation == .apply ? 0 : UInt64(length))
        let isAtRightPlace = first.offset == offsets.0 + advance.0 && second.offset == offsets.1 + advance.1
        return (isAtRightPlace ? actual : [], expected)
    }

    private func call(
        _ first: inout AESCTR,
        _ second: inout AESCTR,
        _ source: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawPointer
    ) {
        switch operation {
        case .apply: first.apply(source, into: destination)
        case .transcode: AESCTR.transcode(&first, &second, source, into: destination)
        case .transcodeMasked:
            AESCTR.transcode(&first, &second, source, into: destination, mask: mask, phase: phase)
        }
    }

    /// The byte that the reference XORs over the piece.
    private func pad(at index: Int) -> UInt8 {
        let first = KnownStream.all[streams[0]].bytes[skipped[0] + index]
        if operation == .apply { return first }
        let both = first ^ KnownStream.all[streams[1]].bytes[skipped[1] + index]
        if operation == .transcode { return both }
        return both ^ UInt8(truncatingIfNeeded: mask >> UInt32((phase + index) % 4 * 8))
    }
}
