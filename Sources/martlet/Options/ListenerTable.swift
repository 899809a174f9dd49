import MTProtoWire
import ProxyPolicy

/// What one table `[[listeners]]` says.
struct DeclaredListener: Sendable, Equatable {
    /// Everything that needs no completion.
    var listener = ListenerConfiguration(place: .tcp(IPAddress(v4: 0), port: 0))
    var unixMode: UInt16?
}

/// `[[listeners]]`: further places to listen on, each with rules of its own.
enum ListenerTable {
    static let definition = TableDefinition(
        name: "listeners",
        summary: "Places to listen on, one table for each. With any, listen.host and listen.port count only when they"
            + " are given.",
        fields: place + transports + header + sockets,
        required: [["address"]],
        rows: \.listeners, new: DeclaredListener()
    )

    private typealias Field = FieldDefinition<DeclaredListener>

    private static let place: [Field] = [
        .value(
            "address", \.listener.place, .listenPlace,
            "Address and port, IPv6 in brackets; or unix: and the path of a Unix socket.", example: "0.0.0.0:443"
        ),
        .value(
            "unix_mode", \.unixMode, .fileMode, absence: nil,
            "Who may use a Unix socket, as for chmod; without it 0660.", example: "0600"
        ),
    ]

    private static let transports: [Field] = [
        .transports("accept", \.listener.transports),
        .value(
            "default_dc", \.listener.defaultDataCenter, .integer(1...9_999, placeholder: "DC"), absence: nil,
            "Data center for clients that name none or an unknown one, instead of routes.default_dc.", example: "2"
        ),
    ]

    private static let header: [Field] = [
        .toggle(
            "proxy_protocol", \.listener.proxyProtocol,
            "Expect a PROXY protocol header, version 1 or 2, at the start of every connection."
        ),
        .list(
            "proxy_protocol_from", .network,
            "Networks that may send the PROXY protocol header; does not concern Unix sockets.", example: ["10.0.0.0/8"],
            load: { $0.listener.trustedSources }, store: { $1.listener.trustedSources = $0 ?? [] }
        ),
    ]

    private static let sockets: [Field] = [
        .windowClamp("window_clamp", \.listener.socket.windowClampBytes),
        .keepAlive("keepalive", \.listener.socket.keepAliveSeconds),
        .userTimeout("user_timeout", \.listener.socket.userTimeoutMilliseconds),
    ]
}
