import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Who goes over middle proxies, and with which tag", .timeLimit(.minutes(2)))
struct MiddleProxyUserTests {
    private enum Person: UInt8, CaseIterable {
        case anna = 1
        case bert
        case carl

        var secret: ProxySecret {
            guard let key = Block16(bytes: [UInt8](repeating: rawValue, count: 16)) else { fatalError("16 bytes") }
            return ProxySecret(key: key, kind: .padded)
        }

        func user(_ tag: AdTag?) -> UserEntry {
            var user = User(name: "\(self)", secrets: [secret])
            user.adTag = tag
            return UserEntry(user: user)
        }
    }

    private static let tags: [Person: AdTag] = [.anna: .counting(from: 1), .bert: .counting(from: 101)]

    /// Runs a test with three users, of whom two have tags.
    private func withUsers(
        adapt: (inout ProxyConfiguration) -> Void,
        _ body: (RunningProxy, FakeMiddleProxy, FakeDataCenter) async throws -> Void
    ) async throws {
        try await withKit { kit in
            let middle = kit.keep(try await FakeMiddleProxy.start())
            let dataCenter = kit.keep(try await FakeDataCenter.start())
            let directory = try TemporaryDirectory()
            let files = try MiddleProxyFiles.write(config: middle.configText(), into: directory)
            var configuration = ProxyConfiguration.defaults
            configuration.routes = RouteConfiguration(
                webSocketAddresses: [:], testWebSocketAddresses: [:],
                tcpAddresses: [2: [.loopback(dataCenter.port)]], testTCPAddresses: [:], communityEnabled: false,
                communityDomains: [], listURL: nil)
            configuration.goOverMiddleProxies()
            configuration.listen.port = 0
            configuration.secrets = []
            configuration.pool.size = 0
            configuration.relay.drainMilliseconds = 0
            configuration.middleProxy.use = .tagged
            configuration.middleProxy.secretFile = files.secret
            configuration.middleProxy.configFile = files.config
            adapt(&configuration)
            let users = Person.allCases.map { $0.user(Self.tags[$0]) }
            let proxy = try await RunningProxy(configuration, users: users)
            do {
                try await body(proxy, middle, dataCenter)
            } catch {
                await proxy.stop()
                throw error
            }
            await proxy.stop()
            withExtendedLifetime(directory) {}
        }
    }

    private func visit(_ person: Person, _ proxy: RunningProxy) async throws {
        let client = try await proxy.messenger(secret: person.secret)
        try await client.exchange([person.rawValue])
        await client.close()
    }

    @Test("Users with a tag go over middle proxies with their own, users without go directly")
    func tagged() async throws {
        try await withUsers(adapt: { _ in }) { proxy, middle, dataCenter in
            for person in Person.allCases { try await visit(person, proxy) }
            #expect(middle.sessionFacts.map(\.adTag) == [Self.tags[.anna]?.bytes.bytes, Self.tags[.bert]?.bytes.bytes])
            #expect(dataCenter.facts.count == 1)
            // A tag that comes later counts for later sessions.
            let tag = AdTag.counting(from: 201)
            await proxy.control.replaceUsers(Person.allCases.map { $0.user($0 == .carl ? tag : nil) })
            for person in Person.allCases { try await visit(person, proxy) }
            #expect(middle.sessionFacts.map(\.adTag).dropFirst(2) == [tag.bytes.bytes])
            #expect(dataCenter.facts.count == 3)
        }
    }

    @Test("The general tag is that of users who have none of their own")
    func general() async throws {
        let general = AdTag.counting(from: 0x80)
        try await withUsers(adapt: { $0.middleProxy.adTag = general }) { proxy, middle, dataCenter in
            for person in Person.allCases { try await visit(person, proxy) }
            let expected = [Self.tags[.anna], Self.tags[.bert], general].map { $0?.bytes.bytes }
            #expect(middle.sessionFacts.map(\.adTag) == expected)
            #expect(dataCenter.facts.isEmpty)
        }
    }

    @Test("`always` takes users without a tag along, without one")
    func always() async throws {
        try await withUsers(adapt: { $0.middleProxy.use = .always }) { proxy, middle, dataCenter in
            for person in Person.allCases { try await visit(person, proxy) }
            #expect(middle.sessionFacts.map { $0.adTag == nil } == [false, false, true])
            #expect(middle.sessionFacts.map { $0.flags & LinkRequest.Flag.tagged == 0 } == [false, false, true])
            #expect(dataCenter.facts.isEmpty)
        }
    }

    @Test("`never` takes nobody there, and asks for nothing")
    func never() async throws {
        try await withUsers(adapt: { $0.middleProxy.use = .never }) { proxy, middle, dataCenter in
            for person in Person.allCases { try await visit(person, proxy) }
            #expect(middle.links.isEmpty)
            #expect(dataCenter.facts.count == 3)
            #expect(proxy.log.lines("lists of middle proxies taken").isEmpty)
        }
    }
}
