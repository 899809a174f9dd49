import CKeystream
import MTProtoWire
import ProxyTestKit
import Testing

/// Every level of this machine, one after the other because the choice is the process's. All give the same bytes,
/// so other suites may run meanwhile.
@Suite(.serialized)
struct CipherLevelTests {
    @Test("the fastest level that the machine has is in use and the portable one is always there")
    func fastestLevelIsInUse() {
        #expect(AESCTR.implementationName == CipherLevel.available.first?.testDescription)
        #expect(CipherLevel.available.last?.testDescription == "portable")
    }

    @Test("no level whose instructions the processor has fails its self-test", .enabled(if: ProcessorFlags.areKnown))
    func selfTests() {
        let levels = CipherLevel.available.map(\.testDescription)
        #expect(levels == ProcessorFlags.cipherLevels)
    }

    @Test("a level that does not exist cannot be selected")
    func unknownLevel() {
        let name = AESCTR.implementationName
        for number in [-1, ck_level_count(), .max, .min] {
            #expect(ck_level_available(number) == 0)
            #expect(ck_level_select(number) == 0)
        }
        #expect(AESCTR.implementationName == name)
    }

    @Test("NIST SP 800-38A F.5.5 encrypts as published", arguments: CipherLevel.available)
    func nistVector(level: CipherLevel) throws {
        try level.use {
            for split in 0...NISTVector.plaintext.count {
                var cipher = try NISTVector.cipher()
                let start = cipher.apply(Array(NISTVector.plaintext[..<split]))
                let rest = cipher.apply(Array(NISTVector.plaintext[split...]))
                #expect(start + rest == NISTVector.ciphertext)
            }
        }
    }

    @Test("one or two streams, masked or not, anywhere in memory: as the reference", arguments: CipherLevel.available)
    func randomStretches(level: CipherLevel) {
        level.use {
            var random = SeededGenerator(seed: 1)
            for number in 0..<1200 {
                let stretch = CipherCase(using: &random)
                let (actual, expected) = stretch.run(using: &random)
                guard actual == expected else {
                    Issue.record("case \(number): \(stretch)")
                    return
                }
            }
        }
    }

    @Test("bytes may come one by one", arguments: CipherLevel.available)
    func byteByByte(level: CipherLevel) {
        level.use {
            for known in KnownStream.all {
                var cipher = known.cipher(skipping: 0)
                let single = (0..<600).flatMap { _ in cipher.apply([0]) }
                #expect(single == Array(known.bytes[..<600]))
            }
        }
    }

    @Test("two streams in one pass are two single passes, at any length and distance", arguments: CipherLevel.available)
    func composition(level: CipherLevel) {
        level.use {
            var random = SeededGenerator(seed: 2)
            let (one, two) = (KnownStream.all[5], KnownStream.all[7])
            for (length, distance) in [(70_001, 0), (70_001, 5), (4096, 16), (4097, 11), (8191, 160)] {
                let source = random.bytes(length)
                var first = one.cipher(skipping: 9)
                var second = two.cipher(skipping: 9 + distance)
                var result = [UInt8](repeating: 0, count: length)
                source.withUnsafeBytes { source in
                    result.withUnsafeMutableBytes { result in
                        guard let start = result.baseAddress else { return }
                        AESCTR.transcode(&first, &second, source, into: start)
                    }
                }
                var firstAlone = one.cipher(skipping: 9)
                var secondAlone = two.cipher(skipping: 9 + distance)
                // Compared outside of #expect, which would spell out the difference byte by byte.
                let isComposition = result == secondAlone.apply(firstAlone.apply(source))
                #expect(isComposition)
                #expect(first.offset == firstAlone.offset)
                #expect(second.offset == secondAlone.offset)
            }
        }
    }

    @Test("levels may change under streams that run in other threads")
    func concurrentSelection() async {
        let known = KnownStream.all[4]
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    (0..<60).allSatisfy { _ in
                        var cipher = known.cipher(skipping: 0)
                        let zeros = [UInt8](repeating: 0, count: 290)
                        return (0..<10).flatMap { _ in cipher.apply(zeros) } == known.bytes
                    }
                }
            }
            for number in 0..<20 { CipherLevel.available[number % CipherLevel.available.count].select() }
            CipherLevel.available.first?.select()
            for await isRight in group { #expect(isRight) }
        }
    }
}
