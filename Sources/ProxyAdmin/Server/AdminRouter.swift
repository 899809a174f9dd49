import MTProtoWire
import NIOHTTP1

/// Says what a request is to be answered with. Whoever does not bring the token learns nothing, not even what there is.
struct AdminRouter: Sendable {
    enum Decision: Equatable {
        case page(AdminPage, asJSON: Bool)
        case reply(AdminReply)
    }

    let token: AdminToken?
    /// Whether a browser could have been led here by a name that its owner points at this machine. Without a token
    /// only a request that names an address, as everybody does who came here on purpose, is answered then.
    let checksHost: Bool

    func decide(_ head: HTTPRequestHead) -> Decision {
        if let token, !token.isIn(head.headers["authorization"]) {
            var reply = AdminReply(.unauthorized, "a token is needed\n")
            reply.fields = [("WWW-Authenticate", "Bearer")]
            return .reply(reply)
        }
        if checksHost, token == nil, !head.headers["host"].allSatisfy(Self.isAddress) {
            return .reply(AdminReply(.forbidden, "ask by address, or configure a token\n"))
        }
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = parts.first, let page = AdminPage(rawValue: String(path)) else {
            return .reply(AdminReply(.notFound, "there is nothing here\n"))
        }
        guard head.method == .GET || head.method == .HEAD else {
            var reply = AdminReply(.methodNotAllowed, "only GET and HEAD\n")
            reply.fields = [("Allow", "GET, HEAD")]
            return .reply(reply)
        }
        let query = parts.dropFirst().first?.split(separator: "&") ?? []
        return .page(page, asJSON: query.contains { $0 == "json" || $0.hasPrefix("json=") })
    }

    /// `127.0.0.1:8888`, `[::1]:8888`, `localhost`, or the same without port.
    static func isAddress(_ host: String) -> Bool {
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return false }
            return IPAddress(host[host.index(after: host.startIndex)..<end]) != nil
        }
        let name = host.prefix { $0 != ":" }
        return name.lowercased() == "localhost" || IPAddress(name) != nil
    }
}
