import MTProtoWire
import ProxyTestKit
import Testing

extension CipherLevelTests {
    @Test("NIST SP 800-38A F.2.5 encrypts and decrypts as published, in two pieces", arguments: CipherLevel.available)
    func nistChain(level: CipherLevel) throws {
        try level.use {
            for split in stride(from: 0, through: 64, by: 16) {
                let encryptor = try CBCEncryptor(NISTVector.cbcKey())
                var bytes = NISTVector.plaintext
                bytes.withUnsafeMutableBytes { bytes in
                    encryptor.encrypt(inPlace: UnsafeMutableRawBufferPointer(rebasing: bytes[..<split]))
                    encryptor.encrypt(inPlace: UnsafeMutableRawBufferPointer(rebasing: bytes[split...]))
                }
                #expect(bytes == NISTVector.cbcCiphertext)

                let decryptor = try CBCDecryptor(NISTVector.cbcKey())
                bytes.withUnsafeMutableBytes { bytes in
                    for piece in [bytes[..<split], bytes[split...]] where !piece.isEmpty {
                        let piece = UnsafeMutableRawBufferPointer(rebasing: piece)
                        guard let start = piece.baseAddress else { return }
                        decryptor.decrypt(UnsafeRawBufferPointer(piece), into: start)
                    }
                }
                #expect(bytes == NISTVector.plaintext)
            }
        }
    }

    @Test(
        "one to twelve streams side by side, in unequal pieces, anywhere in memory: as the reference",
        arguments: CipherLevel.available)
    func sideBySide(level: CipherLevel) {
        level.use {
            var random = SeededGenerator(seed: 3)
            for number in 0..<60 {
                let chains = KnownChain.all.shuffled(using: &random).prefix(1 + number % 12)
                var streams = chains.map { SideStream($0, using: &random) }
                while streams.contains(where: { !$0.isDone }) {
                    let jobs = streams.indices.compactMap { streams[$0].takeJob(using: &random) }
                    CBCEncryptor.encrypt(jobs)
                }
                let isRight = streams.allSatisfy(\.isRight)
                for stream in streams { stream.memory.deallocate() }
                guard isRight else {
                    Issue.record("round \(number), \(streams.count) streams")
                    return
                }
            }
        }
    }

    @Test("decryption in pieces of any length, in place or not: as the reference", arguments: CipherLevel.available)
    func decryptionInPieces(level: CipherLevel) {
        level.use {
            var random = SeededGenerator(seed: 4)
            for number in 0..<200 {
                let chain = KnownChain.all[number % KnownChain.all.count]
                let isInPlace = Bool.random(using: &random)
                let (from, to) = (Int.random(in: 0..<40, using: &random), Int.random(in: 0..<40, using: &random))
                var source = random.bytes(from) + chain.ciphertext + random.bytes(9)
                var result = isInPlace ? source : random.bytes(to + chain.plaintext.count + 9)
                let start = isInPlace ? from : to
                let expected = Array(result[..<start] + chain.plaintext + result.suffix(9))
                let decryptor = CBCDecryptor(chain.key)
                var done = 0
                while done < chain.plaintext.count {
                    let most = (chain.plaintext.count - done) / 16
                    let count = 16 * Int.random(in: 0...min(most, 1 << (number % 8)), using: &random)
                    result.withUnsafeMutableBytes { result in
                        source.withUnsafeMutableBytes { source in
                            let memory = UnsafeRawBufferPointer(isInPlace ? result : source)
                            guard let base = result.baseAddress else { return }
                            decryptor.decrypt(
                                UnsafeRawBufferPointer(rebasing: memory[from + done..<from + done + count]),
                                into: base + start + done)
                        }
                    }
                    done += count
                }
                let isRight = result == expected
                #expect(isRight, "stream \(number), in place: \(isInPlace)")
            }
        }
    }
}

/// A stream in memory of its own that is encrypted bit by bit.
private struct SideStream {
    let memory: UnsafeMutableRawBufferPointer
    private let chain: KnownChain
    private let encryptor: CBCEncryptor
    /// Where the stream begins in memory; before and behind it are bytes that nobody may touch.
    private let start: Int
    private var done = 0

    private static let margin: UInt8 = 0x5a

    init(_ chain: KnownChain, using random: inout SeededGenerator) {
        self.chain = chain
        encryptor = CBCEncryptor(chain.key)
        start = Int.random(in: 1..<40, using: &random)
        memory = .allocate(byteCount: chain.plaintext.count + 80, alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: Self.margin)
        memory[start..<start + chain.plaintext.count].copyBytes(from: chain.plaintext)
    }

    var isDone: Bool { done == chain.plaintext.count }

    var isRight: Bool {
        let end = start + chain.plaintext.count
        return Array(memory[start..<end]) == chain.ciphertext
            && [memory[..<start], memory[end...]].allSatisfy { $0.allSatisfy { $0 == Self.margin } }
    }

    /// The next piece; now and then none or an empty one.
    mutating func takeJob(using random: inout SeededGenerator) -> CBCEncryptor.Job? {
        guard Int.random(in: 0..<8, using: &random) > 0 else { return nil }
        let count = min(16 * Int.random(in: 0..<50, using: &random), chain.plaintext.count - done)
        defer { done += count }
        return CBCEncryptor.Job(
            stream: encryptor,
            bytes: UnsafeMutableRawBufferPointer(rebasing: memory[start + done..<start + done + count]))
    }
}
