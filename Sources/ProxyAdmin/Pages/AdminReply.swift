import NIOHTTP1

/// What a request is answered with.
struct AdminReply: Sendable, Equatable {
    var status: HTTPResponseStatus
    var contentType = "text/plain; charset=utf-8"
    /// Further header fields.
    var fields: [(name: String, value: String)] = []
    var body: String

    init(_ status: HTTPResponseStatus, _ body: String) {
        self.status = status
        self.body = body
    }

    static func == (one: Self, other: Self) -> Bool {
        one.status == other.status && one.contentType == other.contentType && one.body == other.body
            && one.fields.elementsEqual(other.fields) { $0 == $1 }
    }
}

/// What there is to see.
package enum AdminPage: String, Sendable, CaseIterable {
    case stats = "/stats"
    case metrics = "/metrics"
    case health = "/healthz"
    case readiness = "/readyz"
}
