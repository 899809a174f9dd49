import NIOCore
package import NIOSSL

/// The TLS configuration towards the outside, made once, when it is first needed: reading the system's roots costs
/// tens of milliseconds and some megabytes that a proxy on direct routes never pays.
package final class TLSContexts: Sendable {
    /// How long a connection that is closed here waits for the other side's farewell, which nobody needs.
    private static let farewell = TimeAmount.milliseconds(500)

    private let caFile: String?
    private let made = Locked<NIOSSLContext?>(nil)

    package init(caFile: String?) {
        self.caFile = caFile
    }

    /// The context of a client that verifies certificates and names.
    ///
    /// - Throws: an error of NIOSSL when the CA file cannot be read.
    package func client() throws -> NIOSSLContext {
        try made.withLock { (context) throws(any Error) in
            if let context { return context }
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            configuration.certificateVerification = .fullVerification
            configuration.shutdownTimeout = Self.farewell
            if let caFile { configuration.trustRoots = .file(caFile) }
            let new = try NIOSSLContext(configuration: configuration)
            context = new
            return new
        }
    }
}
