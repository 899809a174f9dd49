import NIOHTTP1
import Testing

@testable import ProxyAdmin

/// Who gets to see what.
@Suite struct AdminRouterTests {
    private static let text = "0123456789abcdef0123456789abcdef"

    private func decision(
        _ uri: String = "/metrics", method: HTTPMethod = .GET, fields: [(String, String)] = [],
        token: String? = nil, checksHost: Bool = true
    ) -> AdminRouter.Decision {
        let router = AdminRouter(token: token.flatMap { AdminToken($0) }, checksHost: checksHost)
        return router.decide(
            HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: HTTPHeaders(fields)))
    }

    private func status(_ decision: AdminRouter.Decision) -> UInt {
        if case .reply(let reply) = decision { reply.status.code } else { 200 }
    }

    @Test(arguments: AdminPage.allCases)
    func `Every page is found, with and without a query`(page: AdminPage) {
        #expect(decision(page.rawValue) == .page(page, asJSON: false))
        #expect(decision(page.rawValue, method: .HEAD) == .page(page, asJSON: false))
        #expect(decision("\(page.rawValue)?json") == .page(page, asJSON: true))
        #expect(decision("\(page.rawValue)?a=b&json=1") == .page(page, asJSON: true))
        #expect(decision("\(page.rawValue)?jsonp") == .page(page, asJSON: false))
    }

    @Test(arguments: ["/", "", "/stats/", "/STATS", "/stats%20", "*", "http://127.0.0.1/stats", "/metrics/../stats"])
    func `There is nothing else`(uri: String) {
        #expect(status(decision(uri)) == 404)
    }

    @Test(arguments: [HTTPMethod.POST, .PUT, .DELETE, .OPTIONS, .TRACE, .CONNECT, .RAW(value: "STEAL")])
    func `Nothing can be done but looking`(method: HTTPMethod) {
        guard case .reply(let reply) = decision(method: method) else {
            Issue.record("it was answered")
            return
        }
        #expect(reply.status == .methodNotAllowed)
        #expect(reply.fields.contains { $0.name == "Allow" && $0.value == "GET, HEAD" })
    }

    @Test func `With a token there is nothing to learn without it, not even what there is`() {
        for uri in ["/metrics", "/nothing"] {
            for method in [HTTPMethod.GET, .POST] {
                #expect(status(decision(uri, method: method, token: Self.text)) == 401)
            }
        }
    }

    @Test(arguments: [
        ("Bearer \(text)", true), ("bearer \(text)", true), ("Bearer   \(text)", true), (text, false),
        ("Basic \(text)", false), ("Bearer \(text)0", false), ("Bearer \(text.dropLast())", false), ("Bearer", false),
        ("Bearer ", false), ("", false), ("Bearer \(text.uppercased())", false),
    ])
    func `Only the token opens`(field: String, opens: Bool) {
        let fields = [("Authorization", field)]
        #expect(status(decision(fields: fields, token: Self.text)) == (opens ? 200 : 401))
    }

    @Test func `Two tokens are none`() {
        let fields = [("Authorization", "Bearer \(Self.text)"), ("authorization", "Bearer \(Self.text)")]
        #expect(status(decision(fields: fields, token: Self.text)) == 401)
    }

    @Test(arguments: [
        ("127.0.0.1:8888", true), ("127.0.0.1", true), ("localhost:8888", true), ("LOCALHOST", true),
        ("[::1]:8888", true), ("10.1.2.3:80", true), ("evil.example", false), ("evil.example:8888", false),
        ("127.0.0.1.evil.example", false), ("localhost.evil.example", false), ("[::1", false), ("", false),
    ])
    func `A name that leads here is not asked for on purpose`(host: String, isAnswered: Bool) {
        let fields = [("Host", host)]
        #expect(status(decision(fields: fields)) == (isAnswered ? 200 : 403))
        // Who brings the token, or sits at a Unix socket, is here on purpose.
        #expect(status(decision(fields: fields + [("Authorization", "Bearer \(Self.text)")], token: Self.text)) == 200)
        #expect(status(decision(fields: fields, checksHost: false)) == 200)
    }

    @Test(arguments: [
        ("0123456789abcdef", true), ("  0123456789abcdef\r\n", true), ("0123456789abcde", false), ("", false),
        ("0123456789 abcdef", false), ("0123456789abcdef\nmore", false), ("pässword0123456789", false),
        (String(repeating: "x", count: 1_024), true), (String(repeating: "x", count: 1_025), false),
    ])
    func `A token has a length and no blanks`(text: String, isOne: Bool) {
        #expect((AdminToken(text) != nil) == isOne)
    }

    @Test func `A token is not told`() {
        let token = AdminToken(Self.text)
        #expect(token.map { "\($0)" }?.contains("0123") == false)
    }
}
