package import NIOCore

/// What an accepted client has said.
package struct ClientGreeting: Equatable, Sendable {
    /// The place of the client's secret in `HandshakeRules.secrets`.
    package var secretIndex: Int
    package var header: Obfuscated2Header
    /// Whether the client's stream is, and the answer must be, in TLS records.
    package var usesFakeTLS: Bool
    /// Where in the records the stream stands behind `earlyBytes`; unused without FakeTLS.
    package var records: TLSRecordReader
    /// Stream bytes that came right behind the header: without record framing, still enciphered by the client.
    package var earlyBytes: ByteBuffer

    package init(
        secretIndex: Int,
        header: Obfuscated2Header,
        usesFakeTLS: Bool,
        records: TLSRecordReader = TLSRecordReader(),
        earlyBytes: ByteBuffer = ByteBuffer()
    ) {
        self.secretIndex = secretIndex
        self.header = header
        self.usesFakeTLS = usesFakeTLS
        self.records = records
        self.earlyBytes = earlyBytes
    }
}
