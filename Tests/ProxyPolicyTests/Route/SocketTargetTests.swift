import MTProtoWire
import ProxyPolicy
import Testing

@Suite struct SocketTargetTests {
    @Test(arguments: [
        ("149.154.167.220:443", "149.154.167.220", 443),
        ("149.154.167.220", "149.154.167.220", 80),
        ("example.com:8443", "example.com", 8_443),
        ("localhost:1", "localhost", 1),
        ("my_host-1", "my_host-1", 80),
        ("[2001:67c:4e8:f002::a]:443", "2001:67c:4e8:f002::a", 443),
        ("[::1]", "::1", 80),
        ("2001:67c:4e8:f002::a", "2001:67c:4e8:f002::a", 80),
        ("::1", "::1", 80),
    ])
    func `Hosts and ports are read`(text: String, host: String, port: Int) throws {
        let target = try SocketTarget(parsing: text, defaultPort: 80)
        #expect(target == SocketTarget(host: host, port: port))
        #expect(try SocketTarget(parsing: target.description) == target)
    }

    @Test(arguments: [
        ("", SocketTargetError.missingHost), (":443", .missingHost), ("example.com", .missingPort),
        ("example.com:", .invalidPort), ("example.com:0", .invalidPort), ("example.com:65536", .invalidPort),
        ("example.com:+1", .invalidPort), ("example.com: 1", .invalidPort), ("example.com:443x", .invalidPort),
        ("example.com:99999999999999999999", .invalidPort),
        ("exa mple.com:1", .invalidHost), (" example.com:1", .invalidHost), ("a..b:1", .invalidHost),
        ("127.1:443", .invalidHost), ("0:443", .invalidHost), ("1.2.3.256:443", .invalidHost),
        ("01.2.3.4:443", .invalidHost), ("1.2.3.4 junk:443", .invalidHost), ("[1.2.3.4]:443", .invalidHost),
        ("[::1", .invalidHost), ("[::1]443", .invalidPort), ("[::g]:443", .invalidHost), ("::g", .invalidHost),
        ("1:2:3", .invalidHost), ("a/b:1", .invalidHost), ("пример.рф:1", .invalidHost),
    ])
    func `Junk is refused`(text: String, error: SocketTargetError) {
        #expect(throws: error) { try SocketTarget(parsing: text) }
    }

    @Test func `Only literals have an address`() {
        #expect(SocketTarget.https("1.2.3.4").address?.isIPv4 == true)
        #expect(SocketTarget.https("::1").address?.isIPv6 == true)
        #expect(SocketTarget.https("example.com").address == nil)
    }

    @Test(arguments: [
        BuiltInAddresses.webSocket, BuiltInAddresses.testWebSocket, BuiltInAddresses.tcp, BuiltInAddresses.testTCP,
    ])
    func `Every built-in address is a literal on port 443`(table: [Int: [SocketTarget]]) {
        for target in table.values.joined() {
            #expect(target.address != nil, "\(target)")
            #expect(target.port == 443)
        }
    }

    @Test func `Built-in tables name the known data centers`() {
        #expect(BuiltInAddresses.webSocket.keys.sorted() == [1, 2, 3, 4, 5])
        #expect(BuiltInAddresses.tcp.keys.sorted() == [1, 2, 3, 4, 5, 203])
        #expect(BuiltInAddresses.testTCP.keys.sorted() == [1, 2, 3])
        #expect(BuiltInAddresses.testWebSocket.keys.sorted() == [2])
    }
}
