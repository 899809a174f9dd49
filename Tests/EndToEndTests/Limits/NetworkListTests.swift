import Foundation
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Lists of networks", .serialized)
struct NetworkListTests {
    private static let inside = "203.0.113.7"
    private static let other = "198.51.100.7"
    private static let taken = "lists of networks taken"
    private static let list = "# a list\n203.0.113.0/24 ; a network\n\n2001:db8:bad::/48\n"

    // MARK: Files

    @Test("A file of blocked networks is read at start and again; who is in stays in")
    func blockFile() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(Self.list, to: "block.txt")
        try await Self.withLists({ $0.blockLists = [path] }) { proxy, host in
            #expect(proxy.firstLists == ["2", "all"])
            for form in SecretForm.allCases { try await proxy.showsMaskHost(host, from: Self.inside, form) }
            try await proxy.showsMaskHost(host, from: "2001:db8:bad:1::1")
            #expect(proxy.refusals == ["blocked": 4])
            let client = try await proxy.client(from: Self.other)

            try directory.write("198.51.100.0-198.51.100.255\n10.0.0.0/8\n10.1.0.0/16\n192.0.2.1\n", to: "block.txt")
            try await proxy.takes(blocked: "3")
            try await proxy.showsMaskHost(host, from: Self.other)
            #expect(proxy.refusals == ["blocked": 5])
            try await client.exchange([7])
            let newcomer = try await proxy.client(from: Self.inside)
            await newcomer.close()
            await client.close()
        }
    }

    @Test("Only those in a file of allowed networks come in; when it is gone its last content stays")
    func allowFile() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(Self.list, to: "allow.txt")
        try await Self.withLists({ $0.allowLists = [path] }) { proxy, host in
            func check() async throws {
                await (try await proxy.client(from: Self.inside)).close()
                await (try await proxy.client(from: "2001:db8:bad:1::1")).close()
                try await proxy.showsMaskHost(host, from: Self.other)
            }
            try await check()
            try FileManager.default.removeItem(atPath: path)
            let problem = "list of networks not read; its last good content stays"
            try await eventually(timeout: .seconds(60), "the missing file in the log") {
                !proxy.log.lines(problem).isEmpty
            }
            #expect(proxy.log.lines(problem).first?["because"] == "\(path) cannot be read")
            try await check()
            #expect(proxy.refusals == ["not-allowed": 2])
        }
    }

    @Test(
        "A list of allowed networks that cannot be read lets nobody in until it can; one of blocked ones keeps nobody out"
    )
    func unreadable() async throws {
        let directory = try TemporaryDirectory()
        let (allow, block) = (directory.path("allow.txt"), directory.path("block.txt"))
        try await Self.withLists({ ($0.allowLists, $0.blockLists) = ([allow], [block]) }) { proxy, host in
            #expect(proxy.firstLists == ["0", "0"])
            try await proxy.showsMaskHost(host, from: Self.inside)
            #expect(proxy.refusals == ["not-allowed": 1])
            try directory.write(Self.list, to: "allow.txt")
            try await eventually(timeout: .seconds(60), "the list") {
                proxy.log.lines(Self.taken).last?["allowed_ranges"] == "2"
            }
            await (try await proxy.client(from: Self.inside)).close()
            try directory.write("203.0.113.7", to: "block.txt")
            try await proxy.takes(blocked: "1")
            try await proxy.showsMaskHost(host, from: Self.inside)
            await (try await proxy.client(from: "203.0.113.8")).close()
            #expect(proxy.refusals == ["not-allowed": 1, "blocked": 1])
        }
    }

    // MARK: Servers

    @Test("A list from a server is fetched at start and again, over HTTP and HTTPS", arguments: [false, true])
    func fetched(isTLS: Bool) async throws {
        try await withKit { kit in
            let server = kit.keep(
                try await isTLS ? ListServer.start(Self.list) : ListServer.start(Self.list, certificate: .plaintext))
            try await Self.withLists({ $0.blockLists = [server.url] }) { proxy, host in
                try await proxy.takes(blocked: "2")
                try await proxy.showsMaskHost(host, from: Self.inside)
                server.setText("198.51.100.7\n")
                try await proxy.takes(blocked: "1")
                try await proxy.showsMaskHost(host, from: Self.other)
                await (try await proxy.client(from: Self.inside)).close()
                #expect(proxy.refusals == ["blocked": 2])
            }
        }
    }

    @Test("Whatever a server sends instead of a list, the last good one stays, here and for the next start")
    func lastGood() async throws {
        let directory = try TemporaryDirectory()
        let notFetched = "list of networks not fetched; its last good content stays"
        let notTaken = "list of networks not taken; its last good content stays"
        try await withKit { kit in
            let server = kit.keep(try await ListServer.start(Self.list, certificate: .plaintext))
            try await Self.withLists({ $0.blockLists = [server.url] }, state: directory) { proxy, host in
                try await proxy.takes(blocked: "2")
                let troubles: [(ListServer.Behaviour, String, String)] = [
                    (.garbage, notTaken, ":1: \""), (.status(500), notFetched, "the server answered 500"),
                    (.reset, notFetched, "the server closed the connection"),
                    (.truncate, notFetched, "the server closed the connection"),
                    (.status(302, [HTTPField("Location", "/other")]), notFetched, "the server answered 302"),
                ]
                for (behaviour, message, because) in troubles {
                    let before = proxy.log.lines(message).count
                    server.setBehaviour(behaviour)
                    try await eventually(timeout: .seconds(60), "\(behaviour) in the log") {
                        proxy.log.lines(message).count > before
                    }
                    let line = try #require(proxy.log.lines(message).last?["because"])
                    #expect(line.hasPrefix(server.url) && line.contains(because), "\(behaviour): \(line)")
                    try await proxy.showsMaskHost(host, from: Self.inside)
                }
                server.setText("<!doctype html><title>Log in</title>\n203.0.113.0/24\n")
                server.setBehaviour(.serve)
                try await eventually(timeout: .seconds(60), "the page in the log") {
                    proxy.log.lines(notTaken).last?["because"]?.contains("HTML") == true
                }
                try await proxy.showsMaskHost(host, from: Self.inside)
                #expect(proxy.log.lines(Self.taken).allSatisfy { $0["blocked_ranges"] != "1" })
                await (try await proxy.client(from: Self.other)).close()
            }
            await server.stop()
            try await Self.withLists({ $0.blockLists = [server.url] }, state: directory) { proxy, host in
                #expect(proxy.firstLists == ["2", "all"])
                try await proxy.showsMaskHost(host, from: Self.inside)
                await (try await proxy.client(from: Self.other)).close()
                try await eventually(timeout: .seconds(60), "the server in the log") {
                    proxy.log.lines(notFetched).last?["because"] == "\(server.url): the server cannot be reached"
                }
                try await proxy.showsMaskHost(host, from: Self.inside)
            }
        }
    }

    // MARK: Parts

    private static func withLists(
        _ adapt: (inout ProxyConfiguration.Limits) -> Void, state: TemporaryDirectory? = nil,
        _ body: (RunningProxy, RecordingHost) async throws -> Void
    ) async throws {
        let authority = try await CertificateAuthority.shared().certificatePath
        try await withForwarded(
            adapt: {
                $0.limits.listRefreshSeconds = 1
                $0.connect.caFile = authority
                if let state { $0.stateDirectory = state.url.path }
                adapt(&$0.limits)
            }, body)
    }
}

extension RunningProxy {
    /// How many ranges were blocked and allowed by the first lists that were taken.
    fileprivate var firstLists: [String?]? {
        log.lines("lists of networks taken").first.map { [$0["blocked_ranges"], $0["allowed_ranges"]] }
    }

    /// Waits until lists with so many ranges of blocked addresses are in use.
    fileprivate func takes(blocked ranges: String) async throws {
        try await eventually(timeout: .seconds(60), "\(ranges) blocked ranges") {
            self.log.lines("lists of networks taken").last?["blocked_ranges"] == ranges
        }
    }
}
