/// The bounds that ``AdmissionLimits`` keeps. Nil: no such bound.
package struct AdmissionBounds: Sendable, Equatable {
    /// Connections of all kinds at once.
    package var connections: Int
    /// Clients, and those who may become one, per IPv4 address or IPv6 /64.
    package var perAddress: Int?
    /// The same per IPv4 /24 or IPv6 /48.
    package var perSubnet: Int?
    /// Connections whose handshake is not finished.
    package var halfOpen: Int
    /// The same per IPv4 address or IPv6 /64.
    package var halfOpenPerAddress: Int
    /// The same per IPv4 /24 or IPv6 /48; fewer while there are many.
    package var halfOpenPerSubnet: Int
    /// Strangers who are being passed to the mask host.
    package var masked: Int
    /// Handshakes begun per second from one IPv4 /24 or IPv6 /48.
    package var handshakesPerSecondPerSubnet: Int?

    /// Without further values only the total is bounded.
    package init(
        connections: Int,
        perAddress: Int? = nil,
        perSubnet: Int? = nil,
        halfOpen: Int? = nil,
        halfOpenPerAddress: Int? = nil,
        halfOpenPerSubnet: Int? = nil,
        masked: Int? = nil,
        handshakesPerSecondPerSubnet: Int? = nil
    ) {
        self.connections = max(connections, 0)
        self.perAddress = perAddress
        self.perSubnet = perSubnet
        self.halfOpen = min(max(halfOpen ?? .max, 0), self.connections)
        self.halfOpenPerAddress = halfOpenPerAddress ?? self.halfOpen
        self.halfOpenPerSubnet = halfOpenPerSubnet ?? self.halfOpen
        // Three quarters are left to clients, however many scanners come by.
        self.masked = min(max(masked ?? self.connections / 4, 0), self.connections)
        self.handshakesPerSecondPerSubnet = handshakesPerSecondPerSubnet
    }

    /// - Parameter connections: what is used where the configuration leaves the total to the limit on open files.
    package init(_ limits: ProxyConfiguration.Limits, connections: Int) {
        self.init(
            connections: limits.connections ?? connections,
            perAddress: limits.perAddress,
            perSubnet: limits.perSubnet,
            halfOpen: limits.halfOpen,
            halfOpenPerAddress: limits.halfOpenPerAddress,
            halfOpenPerSubnet: limits.halfOpenPerSubnet,
            masked: limits.masked,
            handshakesPerSecondPerSubnet: limits.handshakesPerSecondPerSubnet
        )
    }
}
