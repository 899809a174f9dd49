import Foundation
import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Telegram's secret and lists, fetched, kept and refused", .timeLimit(.minutes(4)))
struct MiddleProxyListFetchTests {
    private static let listName = "proxy-multi.conf"
    private static let secretName = "proxy-secret"

    /// A proxy that fetches both from the kit's server.
    private func withFetchingProxy(
        _ server: MiddleProxyConfigServer, _ directory: TemporaryDirectory,
        adapt: (inout ProxyConfiguration) -> Void = { _ in },
        _ body: (RunningProxy) async throws -> Void
    ) async throws {
        let authority = try await CertificateAuthority.shared().certificatePath
        try await RunningProxy.with(
            {
                $0.goOverMiddleProxies()
                $0.connect.caFile = authority
                $0.stateDirectory = directory.url.path
                $0.middleProxy.secretURL = server.url(.secret)
                $0.middleProxy.configURL = server.url(.config)
                $0.middleProxy.configURLV6 = server.url(.configV6)
                adapt(&$0)
            }, body)
    }

    /// A directory with the copies of an earlier run.
    private func stored(_ list: String) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        try directory.write(FakeMiddleProxy.secret, to: Self.secretName)
        try directory.write(list, to: Self.listName)
        return directory
    }

    @Test("They are fetched, used, stored, and used after a restart with a dead server")
    func fetched() async throws {
        try await withKit { kit in
            let middle = kit.keep(try await FakeMiddleProxy.start())
            let server = kit.keep(try await MiddleProxyConfigServer.start(config: middle.configText()))
            let directory = try TemporaryDirectory()
            try await withFetchingProxy(server, directory) { proxy in
                #expect(try await proxy.line("lists of middle proxies taken")["targets"] == "1")
                try await proxy.settledMessenger().close()
            }
            #expect(server.visits(.secret).count == 1 && server.visits(.config).count == 1)
            #expect(server.visits(.configV6).isEmpty)
            #expect(
                try Data(contentsOf: directory.url.appending(path: Self.secretName)) == Data(FakeMiddleProxy.secret))
            let list = try String(contentsOfFile: directory.path(Self.listName), encoding: .utf8)
            #expect(list == middle.configText())

            await server.stop()
            try await withFetchingProxy(server, directory) { proxy in
                try await proxy.settledMessenger().close()
                let line = try await proxy.line("proxy-secret not fetched; the last good one stays")
                #expect(line["because"]?.contains("localhost") == true)
                _ = try await proxy.line("proxy-multi.conf not fetched; the last good one stays")
            }
            #expect(middle.sessions.count == 2)
        }
    }

    @Test("Both families' lists together")
    func bothFamilies() async throws {
        try await withKit { kit in
            let four = kit.keep(try await FakeMiddleProxy.start())
            let six = kit.keep(try await FakeMiddleProxy.start(listen: ListenOptions(host: "::1")))
            let server = kit.keep(
                try await MiddleProxyConfigServer.start(
                    config: four.configText(dataCenters: [1, 2]), configV6: six.configText(dataCenters: [4])))
            try await withFetchingProxy(server, TemporaryDirectory(), adapt: { $0.middleProxy.family = .both }) {
                proxy in
                #expect(try await proxy.line("lists of middle proxies taken")["targets"] == "2")
                try await proxy.settledMessenger(dataCenter: 1).close()
                try await proxy.settledMessenger(dataCenter: 4).close()
                #expect(four.sessions.count >= 1 && four.sessions.count + six.sessions.count == 2)
            }
        }
    }

    struct BadNews: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var resource: MiddleProxyConfigServer.Resource
        var behaviour = MiddleProxyConfigServer.Behaviour.serve
        var text: String?
        /// Part of the reason in the log.
        var because: String

        private typealias Behaviour = MiddleProxyConfigServer.Behaviour

        private static func list(_ name: String, _ behaviour: Behaviour, _ because: String) -> BadNews {
            BadNews(testDescription: "a list: \(name)", resource: .config, behaviour: behaviour, because: because)
        }

        private static func secret(_ name: String, _ behaviour: Behaviour, _ because: String) -> BadNews {
            BadNews(testDescription: "a secret: \(name)", resource: .secret, behaviour: behaviour, because: because)
        }

        private static func text(_ name: String, _ text: String, _ because: String) -> BadNews {
            BadNews(testDescription: "a list: \(name)", resource: .config, text: text, because: because)
        }

        static let all = [
            list("HTML", .html, "getProxyConfig:1: "), list("garbage", .garbage(), "getProxyConfig:1: "),
            list("nothing", .empty, "no middle proxies"), list("too long", .huge(bytes: 2 << 20), "too long"),
            list("endless", .endless, "too long"), list("status 503", .status(503), "503"),
            list("moved", .redirect(to: "/moved/getProxyConfig"), "302"), list("cut off", .truncate, "closed"),
            list("reset", .reset, "localhost"),
            secret("HTML", .html, "expected 32 to 256"),
            secret("garbage", .garbage(), "1000 bytes; expected 32 to 256"),
            secret("nothing", .empty, "0 bytes; expected 32 to 256"), secret("status 404", .status(404), "404"),
            text(
                "a typing error", "default 2;\nproxy_for 2 127.0.0.1:9;\nproxy_fro 4 127.0.0.1:9;\n",
                "getProxyConfig:3: "),
            text("no port", "proxy_for 2 127.0.0.1;\n", "getProxyConfig:1: "),
            text(
                "half of the data centers gone", MiddleProxyFiles.configText([2: ["127.0.0.1:9"], 4: ["127.0.0.1:9"]]),
                "2 data centers where there were 10"),
        ]
    }

    @Test("What cannot be right is refused with its place, and the last good one stays", arguments: BadNews.all)
    func badNews(_ news: BadNews) async throws {
        try await withKit { kit in
            let middle = kit.keep(try await FakeMiddleProxy.start())
            let server = kit.keep(try await MiddleProxyConfigServer.start(config: news.text ?? middle.configText()))
            server.setBehaviour(news.behaviour, of: news.resource)
            let directory = try stored(middle.configText())
            try await withFetchingProxy(server, directory) { proxy in
                let name = news.resource == .secret ? Self.secretName : Self.listName
                try await eventually(timeout: .seconds(40), "a problem in the log") {
                    proxy.log.entries.contains { $0.message.hasPrefix("\(name) not ") }
                }
                let entry = try #require(proxy.log.entries.first { $0.message.hasPrefix("\(name) not ") })
                #expect(entry.message.hasSuffix("the last good one stays"))
                #expect(entry.metadata["because"]?.contains(news.because) == true, "\(entry.metadata)")
                try await proxy.settledMessenger().close()
            }
            #expect(try String(contentsOfFile: directory.path(Self.listName), encoding: .utf8) == middle.configText())
            #expect(middle.sessions.count == 1)
        }
    }

    @Test("A shrunken list is believed when it says so again; files are read again", arguments: [true, false])
    func believed(hasBoth: Bool) async throws {
        try await withKit { kit in
            let middle = kit.keep(try await FakeMiddleProxy.start())
            let directory = try TemporaryDirectory()
            let files = try MiddleProxyFiles.write(config: middle.configText(), into: directory)
            try directory.write(middle.configText(), to: "v6.conf")
            try await RunningProxy.with {
                $0.goOverMiddleProxies()
                $0.middleProxy.secretFile = files.secret
                $0.middleProxy.configFile = files.config
                $0.middleProxy.configFileV6 = directory.path("v6.conf")
                $0.middleProxy.family = hasBoth ? .both : .ipv4
                $0.middleProxy.refreshSeconds = 1
            } _: { proxy in
                try await proxy.settledMessenger().close()
                try directory.write(middle.configText(dataCenters: [2]), to: "proxy-multi.conf")
                try await eventually(timeout: .seconds(60), "the doubt in the log") {
                    proxy.log.lines("proxy-multi.conf not taken; the last good one stays").contains {
                        $0["because"]?.contains("\(files.config): 1 data centers where there were 10") == true
                    }
                }
                try await eventually(timeout: .seconds(60), "the list to be taken") {
                    proxy.log.lines("lists of middle proxies taken").count == 2
                }
                try await proxy.settledMessenger().close()
            }
        }
    }

    // MARK: New lists under load

    @Test("New lists move clients that rest or talk, and drop nobody")
    func swapped() async throws {
        try await withKit { kit in
            let fleet = kit.keep(try await MiddleProxyFleet.start(2))
            let (old, new) = (fleet.members[0], fleet.members[1])
            try await withProxy(list: old.configText()) { proxy in
                let clients = try await proxy.settledMessengers(20)
                let isOver = Noted<Bool>()
                async let talking = withThrowingTaskGroup(of: Void.self) { group in
                    for client in clients.prefix(10) { group.addTask { try await Self.talk(client, until: isOver) } }
                    try await group.waitForAll()
                }
                await proxy.control.useMiddleProxies(try .kit(new.configText()))
                try await eventually(timeout: .seconds(60), "nobody on the old one") { old.openLinks.isEmpty }
                isOver.note(true)
                try await talking
                for client in clients { try await client.exchange([9]) }
                #expect(new.sessions.count == 20)
                #expect(proxy.metrics.value("martlet_middle_proxy_orphans_total{outcome=moved}") == 20)
                #expect(proxy.log.lines("session ended").isEmpty)
                for client in clients { await client.close() }
            }
        }
    }

    private static func talk(_ client: TelegramClient, until isOver: Noted<Bool>) async throws {
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        while isOver.value != true {
            try await client.exchange(generator.bytes(2_000))
            // People pause; without that a client would hardly ever be found with nothing under way.
            try await Task.sleep(for: .milliseconds(50))
        }
        try await client.exchange([1])
    }

    @Test("A target that goes and comes back keeps the clients that it kept meanwhile")
    func cameBack() async throws {
        try await withKit { kit in
            let fleet = kit.keep(try await MiddleProxyFleet.start(2))
            let (first, second) = (fleet.members[0], fleet.members[1])
            first.enqueue(
                .script { session in
                    _ = await session.receive()
                    // Not answered, so not moved, until the second message comes.
                    guard let message = await session.receive() else { return }
                    try await session.send(message: message)
                })
            try await withProxy(list: first.configText()) { proxy in
                let waiting = try await proxy.messenger()
                try await waiting.send([1])
                let session = try await first.session(0)
                await proxy.control.useMiddleProxies(try .kit(second.configText()))
                try await proxy.settledMessenger().close()
                await proxy.control.useMiddleProxies(try .kit(first.configText()))
                try await proxy.settledMessenger().close()
                #expect(second.sessions.count == 1 && first.sessions.count == 2)
                try await waiting.exchange([2])
                // Answered now, it moves to the new links.
                try await eventually(timeout: .seconds(60), "the move") { session.facts.isOver }
                try await waiting.exchange([3])
                await waiting.close()
                try await eventually(timeout: .seconds(60), "the old links' end") {
                    first.openLinks.count == 1 && second.openLinks.isEmpty
                }
                try await proxy.settledMessenger().close()
            }
        }
    }

    @Test("A new secret counts for new links, old ones stay")
    func newSecret() async throws {
        try await withKit { kit in
            let secret = [UInt8](repeating: 0x77, count: 64)
            let old = kit.keep(try await FakeMiddleProxy.start())
            let new = kit.keep(try await FakeMiddleProxy.start(secret: secret))
            try await withProxy(list: old.configText(dataCenters: [2])) { proxy in
                let client = try await proxy.settledMessenger()
                let list = MiddleProxyFiles.configText([2: [old.target], 4: [new.target]])
                let parsed = try MiddleProxyList(parsing: list, file: "kit")
                let directory = MiddleProxyDirectory(
                    secret: try #require(MiddleProxySecret(bytes: secret)), list: parsed, listV6: nil)
                await proxy.control.useMiddleProxies(directory)
                try await proxy.settledMessenger(dataCenter: 4).close()
                try await client.exchange([1])
                #expect(proxy.keptItsLinks(old) && proxy.keptItsLinks(new))
                #expect(new.sessions.count == 1)
                await client.close()
            }
        }
    }
}
