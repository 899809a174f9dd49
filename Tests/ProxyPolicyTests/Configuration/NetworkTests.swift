import MTProtoWire
import ProxyPolicy
import Testing

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
