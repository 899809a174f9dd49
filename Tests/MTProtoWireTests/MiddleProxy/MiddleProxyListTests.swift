import MTProtoWire
import Testing

@Suite("MiddleProxyList")
struct MiddleProxyListTests {
    /// Shaped like the one that Telegram serves.
    private static let sample = """
        # force_probability 7 10
        default 2;
        proxy_for 1 192.0.2.50:8888;
        proxy_for -1 192.0.2.50:8888;
        proxy_for 2 192.0.2.144:8888;
        proxy_for 2 192.0.2.145:80;
        proxy_for -2 192.0.2.144:443;
        proxy_for 203 198.51.100.109:443;
        proxy_for -203 198.51.100.110:443;

        """

    private static func read(_ text: String) throws(MiddleProxyListError) -> MiddleProxyList {
        try MiddleProxyList(parsing: text, file: "list")
    }

    @Test("A list as Telegram serves it")
    func telegram() throws {
        let list = try Self.read(Self.sample)
        #expect(list.defaultCluster == 2)
        #expect(list.clusters.count == 6)
        #expect(list.minConnections == 4 && list.maxConnections == 8)
        let two = [MiddleProxyTarget(host: "192.0.2.144", port: 8888), .init(host: "192.0.2.145", port: 80)]
        #expect(list.targets(for: 2) == two)
        #expect(list.targets(for: -2) == [.init(host: "192.0.2.144", port: 443)])
        #expect(list.targets(for: -203)?.first?.description == "198.51.100.110:443")
        for unknown: Int16 in [0, 77, 10_002, -5, .min, .max] {
            #expect(list.targets(for: unknown) == two)
        }
    }

    @Test("Without a default cluster there is no way for unknown numbers")
    func noDefault() throws {
        let list = try Self.read("proxy_for 4 a:1;")
        #expect(list.defaultCluster == 0)
        #expect(list.targets(for: 4) != nil)
        #expect(list.targets(for: 3) == nil)
        #expect(try Self.read("default 7; proxy_for 4 a:1;").targets(for: 3) == nil)
        #expect(try Self.read("proxy a:1; proxy_for 4 b:1;").targets(for: 3) == [.init(host: "a", port: 1)])
    }

    @Test("Blanks and comments stand anywhere, the last statement counts")
    func blanks() throws {
        let list = try Self.read(
            "#\n\tdefault\r\n-3 ; default 1# no ; here\n;proxy_for\n1 a_b-C.example : 65535\r\n;# end\nproxy_for 1\tb:1;#"
        )
        #expect(list.defaultCluster == 1)
        #expect(list.clusters == [1: [.init(host: "a_b-C.example", port: 65_535), .init(host: "b", port: 1)]])
    }

    @Test("IPv6 stands in brackets")
    func ipv6() throws {
        let list = try Self.read("proxy_for -32768 [2001:0DB8:0::1]:8888; proxy_for 32767 [::1]:1;")
        #expect(list.targets(for: .min)?.map(\.host) == ["2001:db8::1"])
        #expect(list.targets(for: .min)?.first?.description == "[2001:db8::1]:8888")
        #expect(list.targets(for: .max)?.map(\.host) == ["::1"])
    }

    @Test("Wishes for connections")
    func connections() throws {
        let list = try Self.read("max_connections 1000; min_connections 1000; timeout 10; timeout 30000; proxy a:1;")
        #expect(list.minConnections == 1000 && list.maxConnections == 1000)
        #expect(try Self.read("min_connections 1; max_connections 1; proxy a:1;").maxConnections == 1)
    }

    @Test(
        "What is wrong is named, with its line",
        arguments: [
            ("", 1, "no middle proxies, expected 'proxy <ip>:<port>;' at the end"),
            ("default 2;\n# nothing", 2, "no middle proxies, expected 'proxy <ip>:<port>;' at the end"),
            (
                "\n<html><body>too long for it", 2,
                "no statement, expected 'proxy <ip>:<port>;' near '<html><body>too long'"
            ),
            ("proxies a:1;", 1, "unknown statement, expected 'proxy <ip>:<port>;' near 'proxies a:1;'"),
            ("default2;", 1, "unknown statement, expected 'proxy <ip>:<port>;' near 'default2;'"),
            ("Proxy a:1;", 1, "unknown statement, expected 'proxy <ip>:<port>;' near 'Proxy a:1;'"),
            (";", 1, "no statement, expected 'proxy <ip>:<port>;' near ';'"),
            ("proxy a:1", 1, "missing ';', expected ';' at the end"),
            ("proxy a:1\nproxy b:1;", 2, "missing ';', expected ';' near 'proxy b:1;'"),
            ("proxy a 1;", 1, "missing ':', expected a colon and the port near '1;'"),
            ("proxy a:0;", 1, "number out of range, expected a port from 1 to 65535 near '0;'"),
            ("proxy a:65536;", 1, "number out of range, expected a port from 1 to 65535 near '65536;'"),
            ("proxy a:-1;", 1, "number out of range, expected a port from 1 to 65535 near '-1;'"),
            ("proxy a:;", 1, "no number, expected a port from 1 to 65535 near ';'"),
            (
                "proxy a:99999999999999999999999;", 1,
                "number out of range, expected a port from 1 to 65535 near '99999999999999999999'"
            ),
            ("proxy :1;", 1, "no host, expected a name, an IPv4 address or [IPv6] near ':1;'"),
            (
                "proxy [1.2.3.4]:1;", 1,
                "no IPv6 address in brackets, expected such as [2001:db8::1] near '[1.2.3.4]:1;'"
            ),
            ("proxy [::1:1;", 1, "no IPv6 address in brackets, expected such as [2001:db8::1] near '[::1:1;'"),
            (
                "proxy [::ffff:1.2.3.4]:1;", 1,
                "no IPv6 address in brackets, expected such as [2001:db8::1] near '[::ffff:1.2.3.4]:1;'"
            ),
            ("proxy ::1:1;", 1, "no host, expected a name, an IPv4 address or [IPv6] near '::1:1;'"),
            ("proxy_for 1;", 1, "no blank behind the number, expected a space and '<ip>:<port>;' near ';'"),
            ("proxy_for 1\na:1;", 1, "no blank behind the number, expected a space and '<ip>:<port>;' near ' a:1;'"),
            (
                "proxy_for 1.2.3.4:1;", 1,
                "no blank behind the number, expected a space and '<ip>:<port>;' near '.2.3.4:1;'"
            ),
            ("proxy_for a:1;", 1, "no number, expected a data center's number near 'a:1;'"),
            ("proxy_for - 1 a:1;", 1, "no number, expected a data center's number near '- 1 a:1;'"),
            ("proxy_for 32768 a:1;", 1, "number out of range, expected a data center's number near '32768 a:1;'"),
            ("proxy_for -32769 a:1;", 1, "number out of range, expected a data center's number near '-32769 a:1;'"),
            ("default;", 1, "no number, expected a data center's number near ';'"),
            ("default 40000;", 1, "number out of range, expected a data center's number near '40000;'"),
            ("default 1 2;", 1, "missing ';', expected ';' near '2;'"),
            ("min_connections 0;", 1, "number out of range, expected 1 to max_connections (8) near '0;'"),
            ("min_connections 9;", 1, "number out of range, expected 1 to max_connections (8) near '9;'"),
            ("max_connections 3;", 1, "number out of range, expected min_connections (4) to 1000 near '3;'"),
            ("max_connections 1001;", 1, "number out of range, expected min_connections (4) to 1000 near '1001;'"),
            ("timeout 9;", 1, "number out of range, expected 10 to 30000 near '9;'"),
            ("timeout 30001;", 1, "number out of range, expected 10 to 30000 near '30001;'"),
            (
                "proxy_for 1 a:1;\nproxy_for 2 a:1;\nproxy_for 1 b:1;", 3,
                "proxies for dc 1 intermixed, expected all proxies of a cluster together near 'proxy_for 1 b:1;'"
            ),
            (
                "proxy_for 0 a:1;proxy_for 2 a:1;proxy a:1;", 1,
                "proxies for dc 0 intermixed, expected all proxies of a cluster together near 'proxy a:1;'"
            ),
            ("\u{1b}[31mred", 1, "no statement, expected 'proxy <ip>:<port>;' near ' [31mred'"),
            ("proxy ä:1;", 1, "no host, expected a name, an IPv4 address or [IPv6] near '  :1;'"),
        ] as [(String, Int, String)])
    func errors(text: String, line: Int, message: String) {
        do throws(MiddleProxyListError) {
            _ = try Self.read(text)
            Issue.record("read: \(text)")
        } catch {
            #expect(error.description == "list:\(line): \(message)")
            #expect(error.line == line)
        }
    }

    @Test("A host has 63 characters")
    func hostLength() throws {
        let longest = String(repeating: "a", count: 63)
        #expect(try Self.read("proxy \(longest):1;").targets(for: 0)?.first?.host == longest)
        #expect(throws: MiddleProxyListError.self) { try Self.read("proxy \(longest)a:1;") }
    }

    @Test("Clusters, targets and bytes are counted")
    func limits() throws {
        func clusters(_ count: Int) -> String { (0..<count).map { "proxy_for \($0) a:1;\n" }.joined() }
        func targets(_ count: Int) -> String { String(repeating: "proxy a:1;\n", count: count) }
        #expect(try Self.read(clusters(1024)).clusters.count == 1024)
        #expect(try Self.read(targets(4096)).targets(for: 0)?.count == 4096)
        for (text, problem, line) in [
            (Array(clusters(1025).utf8), "too many clusters", 1025),
            (Array(targets(4097).utf8), "too many proxies", 4097),
        ] {
            expect(text, problem, line)
        }
        let tooLong = repeatElement(UInt8(ascii: "#"), count: MiddleProxyList.maximumLength + 1)
        expect(tooLong, "16777217 bytes", 1)
    }

    private func expect(_ text: some Collection<UInt8>, _ problem: String, _ line: Int) {
        do throws(MiddleProxyListError) {
            _ = try MiddleProxyList(parsing: text, file: "list")
            Issue.record("read: \(problem)")
        } catch {
            #expect(error.problem == problem)
            #expect(error.line == line)
        }
    }

    @Test("Nothing traps the reader; a list cut short is an error or a list without its end")
    func dripped() {
        Drip.check(Array(Self.sample.utf8)) { try MiddleProxyList(parsing: Array($0.joined()), file: "list") }
        let text = Array("min_connections 2;proxy_for -1 [::1]:80;default -1;timeout 99;".utf8)
        Drip.check(text, seed: 2) { try MiddleProxyList(parsing: Array($0.joined()), file: "list") }
    }
}
