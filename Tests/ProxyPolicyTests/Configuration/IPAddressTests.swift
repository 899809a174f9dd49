import ProxyPolicy
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

@Suite
struct NetworkTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false), ("0.0.0.0/0", "255.1.2.3", true),
        ("0.0.0.0/0", "2001:db8::1", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::", false), ("::/0", "1.2.3.4", true), ("::1/128", "::1", true),
        ("127.0.0.0/31", "127.0.0.2", false),
    ])
    func `A network contains the addresses that share its prefix`(network: String, address: String, isIn: Bool) throws {
        #expect(try Network(parsing: network).contains(#require(IPAddress(address))) == isIn)
    }

    @Test(arguments: ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::/0", "0.0.0.0/0", "::1/128"])
    func `Text is printed as it is read`(text: String) throws {
        #expect(try Network(parsing: text).description == text)
    }

    @Test(arguments: [
        "", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/8 ", "10/8",
        "2001:db8::/129", "10.0.0.1/8", "2001:db8::1/64", "/8", "lan",
    ])
    func `What is no network is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try Network(parsing: text) }
    }

    @Test
    func `An address behind its prefix is answered with the network that was meant`() {
        #expect(
            throws: InvalidValue(
                "has bits set behind its prefix", expected: "the first address of the network", example: "10.0.0.0/8"
            )
        ) { try Network(parsing: "10.1.2.3/8") }
    }

    @Test
    func `The loopback networks hold loopback addresses alone`() throws {
        let inside = try ["127.0.0.1", "127.9.9.9", "::1"].map { try #require(IPAddress($0)) }
        let outside = try ["10.0.0.1", "::2", "::"].map { try #require(IPAddress($0)) }
        #expect(inside.allSatisfy { address in Network.loopback.contains { $0.contains(address) } })
        #expect(!outside.contains { address in Network.loopback.contains { $0.contains(address) } })
    }
}

@Suite
struct ConfigurationErrorTests {
    @Test
    func `An error names its source, the key where the source does not, and what would be right`() {
        let problem = "\"2:foo\" is not an IP address"
        let hint = "expected DC:ADDRESS[:PORT], for example 2:149.154.167.220"
        let inFile = ConfigurationError(
            source: .file(path: "martlet.toml", line: 12), key: "routes.dc_ip", problem: problem, hint: hint
        )
        #expect("\(inFile)" == "martlet.toml:12: routes.dc_ip: \(problem); \(hint)")
        let inFlag = ConfigurationError(source: .flag("--dc-ip"), key: "routes.dc_ip", problem: problem)
        #expect("\(inFlag)" == "--dc-ip: \(problem)")
        let whole = ConfigurationError(source: .file(path: "martlet.toml", line: nil), problem: "is not TOML")
        #expect("\(whole)" == "martlet.toml: is not TOML")
    }
}
