import MTProtoWire
import Testing

@Suite
struct IPAddressTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("255.255.255.255", "255.255.255.255"),
        ("::", "::"),
        ("::1", "::1"),
        ("2001:DB8::00ff", "2001:db8::ff"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::ffff:0a00:0001", "10.0.0.1"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ("2001:67c:4e8:f002::a", "2001:67c:4e8:f002::a"),
    ])
    func `Text is read and printed in its canonical form`(text: String, canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(address.description) == address)
        #expect(IPAddress(bytes: address.bytes) == address)
    }

    @Test(arguments: [
        "", " ", "1", "127.1", "0", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04", "010.0.0.1", "1.2.3.4 ", " 1.2.3.4",
        "1.2.3.4 junk", "1.2.3.-4", "1.2.3.+4", "1..2.3", "1.2.3.", "0x7f.0.0.1", "१.2.3.4", "1.2.3.4\n", "localhost",
        ":", ":::", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::",
        "::1%lo", "[::1]", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "::ffff:1.2.3.4.5", "1:2:3:4:5:6:7:1.2.3.4",
    ])
    func `What is no address is refused whole`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.255.0.3", true), ("::1", true), ("::ffff:127.0.0.1", true),
        ("128.0.0.1", false), ("::2", false), ("0.0.0.0", false), ("::", false),
    ])
    func `Loopback is known in both families`(text: String, isLoopback: Bool) throws {
        #expect(try #require(IPAddress(text)).isLoopback == isLoopback)
    }

    @Test
    func `Families differ in bytes and share one form`() throws {
        let four = try #require(IPAddress("192.0.2.1"))
        let six = try #require(IPAddress("2001:db8::1"))
        #expect(four.isIPv4 && !four.isIPv6 && four.v4 == 0xC000_0201)
        #expect(four.bytes == [192, 0, 2, 1])
        #expect(six.isIPv6 && six.v4 == nil && six.bytes.count == 16)
        #expect(IPAddress(bytes: Array(repeating: 0, count: 10) + [255, 255] + four.bytes) == four)
        #expect(IPAddress(bytes: [1, 2, 3]) == nil)
        #expect(four.masked(toBits: 96 + 24) == IPAddress("192.0.2.0"))
        #expect(six.masked(toBits: 64) == IPAddress("2001:db8::"))
        #expect(six.masked(toBits: 0) == IPAddress("::"))
        #expect(six.masked(toBits: 128) == six)
    }

    @Test
    func `Every printed address is read back as itself`() {
        var generator = SystemRandomNumberGenerator()
        for round in 0..<2_000 {
            // Sparse numbers make runs of zeros, which is where printing goes wrong.
            let sparse: UInt64 =
                round % 2 == 0 ? generator.next() & generator.next() & generator.next() : generator.next()
            let address = IPAddress(high: round % 3 == 0 ? 0 : sparse, low: generator.next() & generator.next())
            #expect(IPAddress(address.description) == address)
        }
    }
}
