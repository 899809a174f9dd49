import Foundation
import MTProtoWire
import ProxyPolicy
import Testing

@testable import martlet

@Suite
struct ProxyLinkTests {
    private static let key = "000102030405060708090a0b0c0d0e0f"

    @Test
    func `A link names the listening place and asks for padded packets`() throws {
        let configuration = try load(flags: ["--secret", Self.key, "--port", "443", "--host", "192.0.2.1"])
            .configuration
        let link = try #require(ProxyLink.all(for: configuration).first)
        #expect(link.app == "tg://proxy?server=192.0.2.1&port=443&secret=dd\(Self.key)")
        #expect(link.web == "https://t.me/proxy?server=192.0.2.1&port=443&secret=dd\(Self.key)")
        #expect(link.kind == "plain" && link.name == "default")
    }

    @Test
    func `What the configuration says about links goes before where it listens`() throws {
        let flags = ["--secret", Self.key, "--link-server", "Proxy.Example.com", "--link-port", "8443", "--port", "0"]
        let link = try #require(ProxyLink.all(for: load(flags: flags).configuration, port: 4711).first)
        #expect(link.server == "proxy.example.com" && link.port == 8443)
        let bound = try load(flags: ["--secret", Self.key, "--port", "0"]).configuration
        #expect(ProxyLink.all(for: bound, port: 4711).first?.port == 4711)
    }

    @Test
    func `Every address of the machine becomes one that others can reach`() throws {
        for host in ["0.0.0.0", "::"] {
            let server = LinkServer.address(forListening: try #require(IPAddress(host)))
            let address = try #require(IPAddress(server))
            #expect(!address.isUnspecified)
        }
        #expect(LinkServer.address(forListening: try #require(IPAddress("::1"))) == "::1")
    }

    @Test
    func `JSON carries one object per secret`() throws {
        let flags = [
            "--secret", "a=\(Self.key)", "--secret", "b=ee\(Self.key.replacing("0f", with: "ff"))612e6578616d706c65",
        ]
        let links = ProxyLink.all(for: try load(flags: flags).configuration)
        let text = JSONText.array(links.map(\.json))
        let objects = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
        #expect(objects.map { $0["name"] as? String } == ["a", "b"])
        #expect(objects.map { $0["kind"] as? String } == ["plain", "faketls"])
        #expect(objects[1]["port"] as? Int == 1443)
        #expect((objects[1]["tg"] as? String)?.hasPrefix("tg://proxy?server=127.0.0.1&port=1443&secret=ee") == true)
    }

    @Test
    func `Every secret of every user has a link under the user's name`() throws {
        let other = Self.key.replacing("0f", with: "ff")
        let toml = """
            [secrets]
            family = "\(Self.key)"
            [[users]]
            name = "alice"
            secrets = ["dd\(other)", "\(Self.key.replacing("0e", with: "ee"))"]
            [[users]]
            name = "bob"
            secret = "\(Self.key.replacing("0d", with: "dd"))"
            enabled = false
            """
        let configuration = try load(toml: toml).configuration
        let links = ProxyLink.all(for: configuration)
        #expect(links.map(\.name) == ["family", "alice", "alice"])
        #expect(links.map(\.title) == ["\"family\"", "\"alice\", secret 1", "\"alice\", secret 2"])
        #expect(links[1].app.hasSuffix("secret=dd\(other)"))
        #expect(ProxyLink.all(for: configuration, names: ["bob"]).map(\.name) == ["bob"])
        #expect(ProxyLink.all(for: configuration, names: ["alice"]).map(\.number) == [1, 2])
    }

    @Test
    func `A link leads to the first listener that takes its secret`() throws {
        let toml = """
            secrets = ["ee\(Self.key)612e6578616d706c65", "\(Self.key)"]
            [[listeners]]
            address = "unix:/run/m.sock"
            [[listeners]]
            address = "192.0.2.1:1000"
            accept = ["obfuscated2"]
            [[listeners]]
            address = "192.0.2.2:2000"
            """
        let links = ProxyLink.all(for: try load(toml: toml).configuration)
        #expect(links.map(\.server) == ["192.0.2.2", "192.0.2.1"] && links.map(\.port) == [2000, 1000])
        // That listener takes no padded packets.
        #expect(links.last?.secret == Self.key)
        let socket = "secrets = \"\(Self.key)\"\n[[listeners]]\naddress = \"unix:/run/m.sock\"\n"
        #expect(ProxyLink.all(for: try load(toml: socket).configuration).isEmpty)
        let named = try load(flags: ["--link-server", "a.example", "--link-port", "443"], toml: socket).configuration
        #expect(ProxyLink.all(for: named).first?.app.hasPrefix("tg://proxy?server=a.example&port=443&") == true)
    }
}

@Suite
struct StartupBannerTests {
    private func banner(_ qr: StartupBanner.QRChoice, columns: Int?, isInteractive: Bool, host: String = "127.0.0.1")
        throws -> String
    {
        let flags = ["--host", host, "--secret", "dd000102030405060708090a0b0c0d0e0f"]
        let configuration = try load(flags: flags).configuration
        let links = StartupBanner.LinkPart(
            links: ProxyLink.all(for: configuration), qr: qr,
            terminal: Terminal(isInteractive: isInteractive, columns: columns)
        )
        return StartupBanner(place: "\(host):1443", links: links, routes: RouteBook(configuration.routes).readiness())
            .text
    }

    @Test
    func `A terminal gets links, a code and one line per kind of route`() throws {
        let text = try banner(.automatic, columns: 80, isInteractive: true)
        #expect(text.hasPrefix("Martlet is ready on 127.0.0.1:1443.\n"))
        #expect(text.contains("tg://proxy?") && text.contains("https://t.me/proxy?"))
        #expect(text.contains("▀") && text.contains("this machine alone"))
        for kind in RouteKind.allCases { #expect(text.contains("  \(kind.rawValue) "), "\(kind)") }
        #expect(text.contains("of other people"))
    }

    @Test
    func `The code is left out where it cannot be read and drawn where it was asked for`() throws {
        #expect(try !banner(.automatic, columns: nil, isInteractive: false).contains("▀"))
        #expect(try !banner(.never, columns: 80, isInteractive: true).contains("▀"))
        #expect(try banner(.always, columns: nil, isInteractive: false).contains("▀"))
        let narrow = try banner(.automatic, columns: 40, isInteractive: true)
        #expect(!narrow.contains("▀") && narrow.contains("columns wide"))
        #expect(
            try !banner(.automatic, columns: 80, isInteractive: true, host: "192.0.2.1").contains("this machine alone"))
    }

    @Test
    func `Many links are not all shown at the start`() throws {
        let users = (0..<9).map {
            "[[users]]\nname = \"user\($0)\"\nsecret = \"0\($0)0102030405060708090a0b0c0d0e0f\"\n"
        }
        let configuration = try load(toml: users.joined()).configuration
        var part = StartupBanner.LinkPart(
            links: ProxyLink.all(for: configuration), qr: .never, terminal: Terminal(isInteractive: false, columns: nil)
        )
        let text = StartupBanner(place: "", links: part, routes: []).text
        #expect(text.contains("user4") && !text.contains("user5") && text.contains("the other 4"))
        #expect(part.text.contains("user8") && !part.text.contains("the other"))
        part.links = []
        #expect(!StartupBanner(place: "", links: part, routes: []).text.contains("\n\n\n"))
    }
}
