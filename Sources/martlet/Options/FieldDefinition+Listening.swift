import MTProtoWire
import ProxyPolicy

/// What every place to listen on has, be it told by the options of `listen` or by a table `[[listeners]]`.
extension FieldDefinition {
    /// The ways in that are offered.
    static func transports(
        _ key: String,
        _ path: any WritableKeyPath<Root, ClientTransports> & Sendable
    ) -> Self {
        list(
            key, .transport,
            "Ways in that are offered: faketls, padded and obfuscated2 (abridged and intermediate framing) need a"
                + " secret; open is obfuscated2 without one, plain has no obfuscation at all, and http takes MTProto in"
                + " HTTP requests (POST /api): these let everybody in and are for private networks.",
            example: ["faketls", "padded"],
            load: { TransportName.names(of: $0[keyPath: path]) },
            store: { $1[keyPath: path] = TransportName.transports(named: $0 ?? []) }
        )
    }

    static func windowClamp(_ key: String, _ path: any WritableKeyPath<Root, Int?> & Sendable) -> Self {
        value(
            key, path, .byteCount(1 << 10...1 << 30), absence: "off",
            "Most bytes that a client may send before it waits for an acknowledgement (TCP_WINDOW_CLAMP); `off` leaves"
                + " it to the system.",
            example: "128 KiB"
        )
    }

    static func keepAlive(_ key: String, _ path: any WritableKeyPath<Root, Int> & Sendable) -> Self {
        value(
            key, path, ValueForm<Int64>.seconds(5...7_200).converted({ Int($0) }, back: { Int64($0) }),
            "Silence after which the system asks a client whether it is still there.", example: "2m"
        )
    }

    static func userTimeout(_ key: String, _ path: any WritableKeyPath<Root, Int?> & Sendable) -> Self {
        value(
            key, path, ValueForm<Int64>.duration(1_000...86_400_000).converted({ Int($0) }, back: { Int64($0) }),
            absence: "off",
            "How long a client may leave bytes unacknowledged before its connection is closed (TCP_USER_TIMEOUT); `off`"
                + " leaves it to the system.",
            example: "30s"
        )
    }
}
