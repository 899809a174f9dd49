import MTProtoWire

extension ProxyConfiguration {
    /// Every place to listen on, with its rules: ``listen`` first, unless it is off.
    package var allListeners: [ListenerConfiguration] {
        var first = ListenerConfiguration(place: .tcp(listen.host, port: listen.port))
        first.transports = listen.transports
        first.proxyProtocol = listen.proxyProtocol
        first.trustedSources = listen.trustedSources
        first.socket = listen.socket
        return (listen.isOff ? [] : [first]) + listeners
    }

    /// Every user that the configuration declares. Secrets of the same name belong to one user.
    package var declaredUsers: [User] {
        var result: [User] = []
        for entry in secrets {
            if let index = result.firstIndex(where: { $0.name == entry.name }) {
                result[index].secrets.append(entry.secret)
            } else {
                result.append(User(name: entry.name, secrets: [entry.secret], origin: .declared))
            }
        }
        return result + users
    }

    /// Whether strangers can reach any of the listeners from other machines.
    package var isPublic: Bool {
        allListeners.contains { listener in
            if case .tcp(let host, _) = listener.place { !host.isLoopback } else { false }
        }
    }
}
