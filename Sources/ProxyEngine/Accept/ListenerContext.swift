import MTProtoWire
package import ProxyPolicy

/// What the connections of one listener have in common.
package struct ListenerContext: Sendable {
    /// Its place among all listeners: the rules of its handshakes stand there.
    let index: Int
    package let configuration: ListenerConfiguration

    init(index: Int, configuration: ListenerConfiguration) {
        self.index = index
        self.configuration = configuration
    }

    /// What a client's header would say that names no data center.
    func defaultWire(_ settings: EngineSettings) -> Int16 {
        Int16(clamping: configuration.defaultDataCenter ?? settings.configuration.routes.defaultDataCenter)
    }

    /// Whether a connection from there has to begin with a PROXY protocol header.
    func expectsHeader(from address: IPAddress?) -> Bool {
        guard configuration.proxyProtocol else { return false }
        // Who may use a Unix socket is decided by its permissions.
        guard let address else { return true }
        return configuration.trustedSources.contains { $0.contains(address) }
    }
}
