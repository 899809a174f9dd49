/// What a line of the log is about; each may have a level of its own.
package enum LogSubsystem: String, Sendable, CaseIterable {
    /// Connections and sessions, from accept to end.
    case clients
    /// Ways to data centers, and the mask host.
    case routes
    case middleProxies = "middle-proxies"
    /// Who may use the proxy.
    case users
    /// Everything else: start and stop, limits, lists, the network.
    case server

    /// The field of a line that names it.
    package static let metadataKey = "subsystem"
}
