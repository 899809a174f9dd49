/// How the reply to a proven ClientHello looks: all that may differ from one mask host to the next.
package struct HandshakeProfile: Equatable, Sendable {
    /// The order of the ServerHello's two extensions.
    package enum ExtensionOrder: Sendable, CaseIterable {
        /// 0x0033, 0x002b (observed: BoringSSL, that is Google and Cloudflare, whose certificates come in one record).
        case keyShareFirst
        /// 0x002b, 0x0033 (observed: OpenSSL, that is most of nginx).
        case supportedVersionsFirst
    }

    /// Where the length of the record with encrypted extensions, certificate chain and the rest usually lies, in bytes
    /// (observed: 2 500 to 4 000 for widespread sites with ECDSA or short RSA chains).
    package static let usualCertificateRecordLengths = 2_200...4_100
    /// By how many bytes the length of an ECDSA signature, and so of the record, differs between connections.
    package static let usualJitter = 2

    package var extensionOrder: ExtensionOrder
    /// Payload bytes of the first application-data record. One site has one value, so this is chosen once per process.
    package let certificateRecordLength: Int
    /// The most bytes by which that length differs from one connection to the next.
    package let certificateRecordJitter: Int

    /// Lengths outside of what a record can hold are moved to the nearest that it can.
    package init(
        extensionOrder: ExtensionOrder = .keyShareFirst,
        certificateRecordLength: Int,
        certificateRecordJitter: Int = usualJitter
    ) {
        self.extensionOrder = extensionOrder
        let jitter = min(max(certificateRecordJitter, 0), 1_000)
        let bounds = (1 + jitter)...(TLSRecordWriter.maximumPayloadLength - jitter)
        self.certificateRecordLength = min(max(certificateRecordLength, bounds.lowerBound), bounds.upperBound)
        self.certificateRecordJitter = jitter
    }

    /// A profile for one process: the usual jitter around a random base.
    package static func random(using generator: inout some RandomNumberGenerator) -> HandshakeProfile {
        HandshakeProfile(certificateRecordLength: .random(in: usualCertificateRecordLengths, using: &generator))
    }

    /// The length for one connection.
    ///
    /// - Parameter random: any number; all values must be equally likely.
    package func certificateRecordLength(random: UInt64) -> Int {
        let choices = UInt64(2 * certificateRecordJitter + 1)
        return certificateRecordLength - certificateRecordJitter + Int(random % choices)
    }
}
