import Foundation
import ProxyPolicy
import ProxyTestKit
import Testing

/// The list of community domains: fetched when it can be used, kept for the next start, never replaced by rubbish.
@Suite(.timeLimit(.minutes(2))) struct CommunityListTests {
    /// `def.com` stands for abc.co.uk: its letters moved three places.
    private static let text = "# lent by others\nfirst.example\n\nsecond.example\r\ndef.com\n"
    private static let domains = ["first.example", "second.example", "abc.co.uk"]
    private static let fileName = "community-domains.txt"

    /// A proxy whose only way out is what the list names.
    private func withProxy(
        list url: String, directory: TemporaryDirectory, edge: CloudflareEdge,
        adapt: (inout RouteConfiguration) -> Void = { _ in },
        _ body: (RunningProxy) async throws -> Void
    ) async throws {
        try await RunningProxy.routed(
            {
                $0.stateDirectory = directory.url.path
                $0.routes.listURL = url
                for domain in Self.domains { $0.routes.dialOverrides[domain] = .loopback(edge.port) }
                adapt(&$0.routes)
            }, body)
    }

    @Test func `A fetched list is used, stored, and used after a restart with a dead list server`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await CloudflareEdge.start(domains: Self.domains))
            let list = kit.keep(try await ListServer.start(Self.text))
            let directory = try TemporaryDirectory()
            try await withProxy(list: list.url, directory: directory, edge: edge) { proxy in
                #expect(try await proxy.line("community domain list read")["domains"] == "3")
                try await proxy.session()
                #expect(list.requests.map(\.target) == ["/list.txt"])
                #expect(list.requests.first?.method == "GET")
                #expect(list.requests.first?["Host"] == "localhost:\(list.port)")
            }
            #expect(try String(contentsOfFile: directory.path(Self.fileName), encoding: .utf8) == Self.text)
            await list.stop()
            try await withProxy(list: list.url, directory: directory, edge: edge) { proxy in
                try await proxy.line("community domain list not read; the last good one stays")
                try await proxy.session()
            }
            #expect(edge.edge.carried.count == 2)
        }
    }

    @Test func `Every name of the list is used, the encoded ones decoded`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await CloudflareEdge.start(domains: Self.domains))
            edge.setQuota(0)
            let list = kit.keep(try await ListServer.start(Self.text))
            try await withProxy(list: list.url, directory: TemporaryDirectory(), edge: edge) { proxy in
                try await proxy.line("community domain list read")
                let client = try await proxy.telegramClient(5)
                try await client.send([1])
                try await client.expectEnd()
                await client.close()
                #expect(Set(edge.edge.facts.map(\.host)) == Set(Self.domains.map { "kws5.\($0)" }))
            }
        }
    }

    /// A list that is not one.
    enum BadList: CaseIterable, Sendable {
        case garbage, truncated, notFound, endless, reset, tooShort, empty, wrongCertificate

        var text: String {
            switch self {
            case .tooShort: "evil.example\nworse.example\n"
            case .empty: ""
            default: "evil.example\nworse.example\nworst.example\nmore-evil.example\n"
            }
        }

        var behaviour: ListServer.Behaviour {
            switch self {
            case .garbage: .garbage
            case .truncated: .truncate
            case .notFound: .status(404)
            case .endless: .endless(bytes: 1 << 20)
            case .reset: .reset
            case .tooShort, .empty, .wrongCertificate: .serve
            }
        }

        var certificate: EdgeCertificate { self == .wrongCertificate ? .wrongName : .issued(["localhost"]) }
    }

    @Test(arguments: BadList.allCases)
    func `A bad list leaves the last good one in its place`(_ bad: BadList) async throws {
        try await withKit { kit in
            let edge = kit.keep(try await CloudflareEdge.start(domains: Self.domains))
            let list = kit.keep(try await ListServer.start(bad.text, certificate: bad.certificate))
            list.setBehaviour(bad.behaviour)
            let directory = try TemporaryDirectory()
            try directory.write(Self.text, to: Self.fileName)
            try await withProxy(list: list.url, directory: directory, edge: edge) { proxy in
                try await proxy.line("community domain list not read; the last good one stays")
                try await proxy.session()
            }
            #expect(edge.edge.carried.count == 1)
            #expect(try String(contentsOfFile: directory.path(Self.fileName), encoding: .utf8) == Self.text)
        }
    }

    @Test func `A stored list that is damaged leaves the built-in names in place`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await CloudflareEdge.start(domains: Self.domains))
            let list = kit.keep(try await ListServer.start(""))
            let directory = try TemporaryDirectory()
            try directory.write("\u{0}\u{1}", to: Self.fileName)
            try await withProxy(list: list.url, directory: directory, edge: edge) {
                $0.communityDomains = Self.domains
            } _: { proxy in
                try await proxy.session()
            }
            #expect(edge.edge.carried.count == 1)
            #expect(FileManager.default.fileExists(atPath: directory.path(Self.fileName)))
        }
    }

    @Test func `The list is asked for only where it can be used`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await CloudflareEdge.start(domains: Self.domains + ["own.example"]))
            let list = kit.keep(try await ListServer.start(Self.text))
            let center = kit.keep(try await FakeDataCenter.start())
            let prohibitions: [@Sendable (inout RouteConfiguration) -> Void] = [
                { $0.usesCloudflareDomains = false },
                { $0.communityEnabled = false },
                {
                    $0.ownDomains = ["own.example"]
                    $0.dialOverrides["own.example"] = .loopback(edge.port)
                },
            ]
            for prohibit in prohibitions {
                try await withProxy(list: list.url, directory: TemporaryDirectory(), edge: edge) {
                    $0.tcpAddresses = [2: [.loopback(center.port)]]
                    prohibit(&$0)
                } _: { proxy in
                    try await proxy.session()
                }
            }
            // The same start without a prohibition asks, so the three before would have been seen.
            try await withProxy(list: list.url, directory: TemporaryDirectory(), edge: edge) { proxy in
                try await proxy.line("community domain list read")
            }
            #expect(list.requests.count == 1)
        }
    }

    @Test func `A list server that hangs holds up neither clients nor the end`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await CloudflareEdge.start(domains: Self.domains))
            let list = kit.keep(try await ListServer.start(Self.text))
            list.setBehaviour(.hang)
            var time = Duration.zero
            try await withProxy(list: list.url, directory: TemporaryDirectory(), edge: edge) {
                $0.communityDomains = Self.domains
            } _: { proxy in
                try await proxy.session()
                try await eventually("a request for the list") { list.requests.count == 1 }
                time = await measured { await proxy.stop() }.time
            }
            print("stop while the list server hangs: \(time.inSeconds)")
            // A fetch gives up after ten seconds; the end does not wait for that.
            #expect(time < .seconds(8))
        }
    }
}
