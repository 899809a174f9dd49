import MTProtoWire
import Testing

@Suite
struct SecureRandomTests {
    @Test("pieces of every length are filled and no eight bytes come twice")
    func everyLength() {
        var random = SecureRandom()
        var seen: Set<[UInt8]> = []
        var pieces = 0
        for length in Array(0...300) + [2047, 2048, 2049, 5000] {
            var bytes = [UInt8](repeating: 0, count: length)
            bytes.withUnsafeMutableBytes { random.fill($0) }
            for start in stride(from: 0, to: length - length % 8, by: 8) {
                seen.insert(Array(bytes[start..<start + 8]))
                pieces += 1
            }
        }
        #expect(seen.count == pieces)
    }

    @Test("generators differ and copies of one never repeat each other")
    func copies() {
        var first = SecureRandom()
        var copy = first
        var other = SecureRandom()
        var numbers: Set<UInt64> = []
        for _ in 0..<500 {
            numbers.formUnion([first.next(), copy.next(), other.next()])
        }
        #expect(numbers.count == 1500)
    }

    @Test("every bit is set about half of the time, also behind the change of the system's key")
    func bitBalance() {
        var random = SecureRandom()
        var bytes = [UInt8](repeating: 0, count: 3 << 20)
        bytes.withUnsafeMutableBytes { random.fill($0) }
        let tail = bytes[(2 << 20)...].prefix(1 << 15)
        for bit in 0..<8 {
            let count = tail.count { $0 >> bit & 1 == 1 }
            // 32768 draws: a deviation of 1000 is eleven times the standard one.
            #expect((15_384...17_384).contains(count))
        }
    }

    @Test("nothing is written around the piece")
    func bounds() {
        var random = SecureRandom()
        var bytes = [UInt8](repeating: 0, count: 48)
        bytes.withUnsafeMutableBytes { random.fill(UnsafeMutableRawBufferPointer(rebasing: $0[8..<40])) }
        #expect(bytes.prefix(8) == [0, 0, 0, 0, 0, 0, 0, 0])
        #expect(bytes.suffix(8) == [0, 0, 0, 0, 0, 0, 0, 0])
    }
}
