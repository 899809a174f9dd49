import MTProtoWire
package import ProxyPolicy

/// The configuration of one moment with what is made from it. Immutable: a reload puts another one in its place.
package final class EngineSettings: Sendable {
    package let configuration: ProxyConfiguration
    let maskPolicy: MaskPolicy
    let tls: TLSContexts
    /// The group for links with Diffie-Hellman; nil: they do without.
    let diffieHellman: DiffieHellmanGroup?
    /// Clients at once, over all event loops.
    let connectionLimit: Int

    /// Six data centers, with and without media: what a client's app may use at once.
    private static let pooledDataCenters = 12

    /// - Parameters:
    ///   - openFileLimit: the soft RLIMIT_NOFILE, nil for none.
    ///   - old: the settings before. The system's certificates are not loaded again; a CA file is.
    init(_ given: ProxyConfiguration, openFileLimit: UInt64?, replacing old: EngineSettings? = nil) {
        var configuration = given
        configuration.routes.usesMiddleProxies = configuration.middleProxy.use != .never
        self.configuration = configuration
        maskPolicy = MaskPolicy(
            host: configuration.mask.host,
            target: configuration.mask.target,
            redirectsHTTP: configuration.mask.httpAnswer == .redirect
        )
        let usesSystem = configuration.connect.caFile == nil && old?.configuration.connect.caFile == nil
        tls = (usesSystem ? old?.tls : nil) ?? TLSContexts(caFile: configuration.connect.caFile)
        diffieHellman = configuration.middleProxy.diffieHellmanPrime.flatMap { DiffieHellmanGroup(prime: $0) }
        connectionLimit =
            configuration.limits.connections
            ?? FileLimit.connections(
                descriptors: openFileLimit, pooled: configuration.pool.size * Self.pooledDataCenters)
    }

    /// - Throws: ``ProxyError`` when there is a CA file that cannot be used.
    func checkCertificates() throws(ProxyError) {
        guard let file = configuration.connect.caFile else { return }
        do {
            _ = try tls.client()
        } catch {
            throw ProxyError(
                code: .badCertificateFile,
                message: "cannot use the CA file \(file)",
                hint: "it must hold certificates in PEM form and be readable (routes.ca_file, --ca-file)"
            )
        }
    }
}
