import MTProtoWire
import ProxyPolicy

/// Where clients connect: the place of the `listen` options and the declared listeners.
extension SettingsResolver {
    mutating func resolveListeners(_ configuration: inout ProxyConfiguration) {
        configuration.listeners = settings.listeners.indices.map { listener(at: $0) }
        configuration.listen.isOff =
            !settings.listeners.isEmpty && given["listen.host"] == nil && given["listen.port"] == nil
        if configuration.listen.isOff {
            noteIdleOptions()
        } else {
            checkTransports(configuration.listen)
        }
        checkPlaces(configuration)
        noteUnmatchedSecrets(configuration)
    }

    private mutating func listener(at index: Int) -> ListenerConfiguration {
        let row = settings.listeners[index]
        let place = RowPlace(table: ListenerTable.definition.name, index: index)
        var listener = row.listener
        switch listener.place {
        case .unix(let path, let mode):
            listener.place = .unix(path: path, mode: row.unixMode ?? mode)
            for field in ["proxy_protocol_from", "window_clamp", "keepalive", "user_timeout"]
            where isGiven(place, field) {
                note(place, field, "has no effect on a Unix socket")
            }
        case .tcp(let host, _):
            if isGiven(place, "unix_mode") { note(place, "unix_mode", "has no effect on what is no Unix socket") }
            if listener.transports.isOpenToAll, host.isPublic {
                note(place, "accept", "lets everybody in who can reach \(listener.place)")
            }
        }
        if listener.transports.isEmpty { fail(place, "accept", "is empty, so nobody could connect") }
        return listener
    }

    private mutating func checkTransports(_ listen: ProxyConfiguration.Listen) {
        if listen.transports.isEmpty { fail("listen.accept", "is empty, so nobody could connect") }
        if listen.transports.isOpenToAll, listen.host.isPublic {
            note("listen.accept lets everybody in who can reach \(ListenPlace.tcp(listen.host, port: listen.port))")
        }
    }

    /// Options that belong to a place where nobody listens.
    private mutating func noteIdleOptions() {
        let names = ["accept", "proxy_protocol", "proxy_protocol_from", "window_clamp", "keepalive", "user_timeout"]
        for name in names {
            guard let value = given["listen.\(name)"] else { continue }
            note(
                "\(value.source): listen.\(name) has no effect beside [[listeners]], which have their own, unless"
                    + " listen.host or listen.port is given"
            )
        }
    }

    /// No two listeners can have the same place; with port 0 the system gives each its own.
    private mutating func checkPlaces(_ configuration: ProxyConfiguration) {
        var seen: Set<String> = []
        if !configuration.listen.isOff { seen.insert(configuration.listen.place.description) }
        for (index, listener) in configuration.listeners.enumerated() {
            if case .tcp(_, port: 0) = listener.place { continue }
            guard !seen.insert(listener.place.description).inserted else { continue }
            fail(
                RowPlace(table: ListenerTable.definition.name, index: index), "address",
                "\(quoted("\(listener.place)")) is listened on twice"
            )
        }
    }

    /// A listener for FakeTLS alone without a FakeTLS secret, or the other way round, is a mistake that nobody sees.
    private mutating func noteUnmatchedSecrets(_ configuration: ProxyConfiguration) {
        let secrets = configuration.secrets.map(\.secret) + configuration.users.flatMap(\.secrets)
        let kinds = secrets.isEmpty ? [settings.fakeTLSDomain != nil] : secrets.map(\.isFakeTLS)
        for (place, transports) in configuration.placesWithTransports {
            guard !transports.isEmpty, !transports.isOpenToAll else { continue }
            let isUsable = kinds.contains { isFakeTLS in
                isFakeTLS ? transports.contains(.fakeTLS) : !transports.isDisjoint(with: [.padded, .obfuscated2])
            }
            if !isUsable {
                let names = TransportName.names(of: transports).map(\.rawValue).joined(separator: ", ")
                note("no secret fits \(place), which accepts \(names) alone")
            }
        }
    }
}

extension ClientTransports {
    /// Whether somebody without a secret is a client.
    fileprivate var isOpenToAll: Bool { !isDisjoint(with: [.open, .plain, .http]) }
}

extension ProxyConfiguration {
    /// Every place where the proxy listens.
    var places: [ListenPlace] { placesWithTransports.map(\.place) }

    var placesWithTransports: [(place: ListenPlace, transports: ClientTransports)] {
        (listen.isOff ? [] : [(listen.place, listen.transports)]) + listeners.map { ($0.place, $0.transports) }
    }
}

extension ProxyConfiguration.Listen {
    var place: ListenPlace { .tcp(host, port: port) }
}

extension ListenPlace {
    /// Whether a connection to a place ends here.
    func isReached(by target: SocketTarget) -> Bool {
        guard case .tcp(let host, let port) = self, target.port == port, let address = IPAddress(target.host) else {
            return false
        }
        return address == host || (host.isUnspecified && (address.isLoopback || address.isUnspecified))
    }
}

extension IPAddress {
    /// Whether others than those in a private network may reach it; "every address of this machine" counts as public.
    fileprivate var isPublic: Bool {
        if let v4 {
            // RFC 1918, RFC 6598 (carriers' NAT), RFC 3927 (link-local), loopback.
            let isPrivate =
                v4 >> 24 == 10 || v4 >> 20 == 0xAC1 || v4 >> 16 == 0xC0A8 || v4 >> 22 == 0x191
                || v4 >> 16 == 0xA9FE || v4 >> 24 == 127
            return !isPrivate
        }
        // RFC 4193 (fc00::/7), link-local (fe80::/10), loopback.
        return !(high >> 57 == 0x7E || high >> 54 == 0x3FA || isLoopback)
    }
}
