import MTProtoWire
import NIOCore
import NIOPosix
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Our own address, as middle proxies see it", .timeLimit(.minutes(2)))
struct MiddleProxyAddressTests {
    private static let loopback = IPAddress(v4: 0x7f00_0001)
    private static let outside = IPAddress(v4: 0xcb00_7132)

    @Test("A NAT rule goes into the keys and into requests")
    func natRule() async throws {
        var behaviour = MiddleProxyBehaviour()
        behaviour.opening.seesProxyAt = Self.outside
        let rule = MiddleProxyConfiguration.NATRule(local: Self.loopback, global: Self.outside)
        try await withMiddleProxy(behaviour, adapt: { $0.middleProxy.natRules = [rule] }) { proxy, middle in
            let client = try await proxy.settledMessenger()
            let facts = try await middle.session(0).facts
            #expect(facts.proxy == Endpoint(address: Self.outside, port: UInt16(proxy.port)))
            #expect(facts.client.address == Self.loopback)
            await client.close()
        }
    }

    @Test("Without the rule, or with a wrong one, the log gives the hint", arguments: [nil, 0xcb00_7133] as [UInt32?])
    func wrongAddress(rule: UInt32?) async throws {
        var behaviour = MiddleProxyBehaviour()
        behaviour.opening.seesProxyAt = Self.outside
        try await withMiddleProxyAndDataCenter(
            behaviour,
            adapt: {
                guard let rule else { return }
                $0.middleProxy.natRules = [.init(local: Self.loopback, global: IPAddress(v4: rule))]
            }
        ) { proxy, _, dataCenter in
            try await proxy.settledMessenger().close()
            let line = try await proxy.line(MiddleProxyOpeningFaultTests.Trouble.hint)
            #expect(line["clock_skew_seconds"] == "0")
            #expect(dataCenter.facts.count == 1)
        }
    }

    @Test("A NAT that changes ports is one that middle proxies cannot be reached through")
    func changedPort() async throws {
        var behaviour = MiddleProxyBehaviour()
        behaviour.opening.seesProxyAtPort = 9
        try await withMiddleProxyAndDataCenter(behaviour) { proxy, _, dataCenter in
            try await proxy.settledMessenger().close()
            _ = try await proxy.line(MiddleProxyOpeningFaultTests.Trouble.hint)
            #expect(dataCenter.facts.count == 1)
        }
    }

    // MARK: Services

    /// A place in the world, in a range for documentation: nobody sends anything there.
    private static let world = ["203.0.113.1", "2001:db8::1"]

    /// The family in which this machine's own address is a private one, so that a proxy on it has to ask.
    private static func privateFamily() async -> String? {
        for target in world {
            let channel = try? await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: target, port: 443).get()
            let text = channel?.localAddress?.ipAddress
            try? await channel?.close().get()
            if let address = text.flatMap({ IPAddress($0) }), !address.isGlobal { return target }
        }
        return nil
    }

    struct Services: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What each of them says; nil: a page of HTML.
        var answers: [String?]
        /// Whether the first address is believed.
        var isLearned: Bool

        static let all = [
            Services(testDescription: "two that agree", answers: ["A", "A"], isLearned: true),
            Services(testDescription: "one alone", answers: ["A\n"], isLearned: true),
            Services(testDescription: "HTML, then two that agree", answers: [nil, "A", " A "], isLearned: true),
            Services(testDescription: "two that disagree, and a third", answers: ["A", "B", "A"], isLearned: true),
            Services(testDescription: "two that disagree", answers: ["A", "B"], isLearned: false),
            Services(testDescription: "HTML alone", answers: [nil, nil], isLearned: false),
            Services(testDescription: "nothing", answers: ["", ""], isLearned: false),
            Services(testDescription: "words", answers: ["your address", "A B"], isLearned: false),
            Services(testDescription: "a private address", answers: ["P", "P"], isLearned: false),
            Services(testDescription: "an address of the other family", answers: ["O", "O"], isLearned: false),
        ]
    }

    @Test(
        "Services that say our address are believed when two of them agree",
        .enabled("this machine has a private address") { await privateFamily() != nil },
        arguments: Services.all)
    func services(_ services: Services) async throws {
        let target = try #require(await Self.privateFamily())
        let isIPv4 = target == Self.world[0]
        let names =
            isIPv4
            ? ["A": "203.0.113.7", "B": "203.0.113.8", "P": "10.1.2.3", "O": "2001:db8::7"]
            : ["A": "2001:db8::7", "B": "2001:db8::8", "P": "fd00::77", "O": "203.0.113.7"]
        try await withKit { kit in
            var urls: [String] = []
            for answer in services.answers {
                var text = answer ?? ""
                for (name, address) in names where text.contains(name) && text.count < 8 {
                    text = text.replacing(name, with: address)
                }
                let server = kit.keep(try await MiddleProxyConfigServer.start(address: text))
                if answer == nil { server.setBehaviour(.html, of: .address) }
                urls.append(server.url(.address))
            }
            let authority = try await CertificateAuthority.shared().certificatePath
            let list = MiddleProxyFiles.configText([2: [isIPv4 ? "\(target):8888" : "[\(target)]:8888"]])
            try await withProxy(
                list: list,
                adapt: {
                    $0.connect.caFile = authority
                    $0.middleProxy.addressServices = urls
                    if !isIPv4 {
                        $0.middleProxy.family = .ipv6
                        $0.middleProxy.configFileV6 = $0.middleProxy.configFile
                    }
                }
            ) { proxy in
                if services.isLearned {
                    #expect(try await proxy.line("public address found")["address"] == names["A"])
                } else {
                    let line = try await proxy.line("our public address is not known")
                    #expect(line["because"]?.contains("middle_proxy.public_address") == true)
                    #expect(proxy.log.lines("public address found").isEmpty)
                }
            }
        }
    }
}
