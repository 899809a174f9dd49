package import NIOCore

/// What an accepted client has said.
package struct ClientGreeting: Equatable, Sendable {
    /// The place of the client's secret in `SecretBook.secrets`; nil for a transport without secrets.
    package var secretIndex: Int?
    package var framing: PacketFraming
    /// As sent, `DataCenter(wire:)` interprets it; nil for a transport that names none.
    package var dataCenterWire: Int16?
    /// The keystream of what the client sends; its next stream byte is at offset `headerLength`. Nil: not enciphered.
    package var clientToProxy: CTRKey?
    /// The keystream of what the client receives, from offset 0. Nil: not enciphered.
    package var proxyToClient: CTRKey?
    /// How many bytes of the client's keystream went into its header: 64, or 0 for a transport without one.
    package var headerLength: Int
    /// Whether the client speaks HTTP: `earlyBytes` are those of its first request.
    package var isHTTP = false
    /// Whether the client's stream is, and the answer must be, in TLS records.
    package var usesFakeTLS: Bool
    /// Where in the records the stream stands behind `earlyBytes`; unused without FakeTLS.
    package var records: TLSRecordReader
    /// Stream bytes that came right behind the header: without record framing, still enciphered by the client.
    package var earlyBytes: ByteBuffer

    /// A client that sent an obfuscated2 header.
    package init(
        secretIndex: Int?,
        header: Obfuscated2Header,
        usesFakeTLS: Bool,
        records: TLSRecordReader = TLSRecordReader(),
        earlyBytes: ByteBuffer = ByteBuffer()
    ) {
        self.secretIndex = secretIndex
        framing = header.framing
        dataCenterWire = header.dataCenterWire
        clientToProxy = header.clientToProxy
        proxyToClient = header.proxyToClient
        headerLength = Obfuscated2Header.length
        self.usesFakeTLS = usesFakeTLS
        self.records = records
        self.earlyBytes = earlyBytes
    }

    /// A client that speaks HTTP. Behind the requests its messages are packets in intermediate framing.
    package init(http earlyBytes: ByteBuffer) {
        self.init(plain: .intermediate, earlyBytes: earlyBytes)
        isHTTP = true
    }

    /// A client of a transport without obfuscation.
    ///
    /// - Parameter earlyBytes: what came behind the bytes that name the framing.
    package init(plain framing: PacketFraming, earlyBytes: ByteBuffer = ByteBuffer()) {
        self.framing = framing
        headerLength = 0
        usesFakeTLS = false
        records = TLSRecordReader()
        self.earlyBytes = earlyBytes
    }
}
