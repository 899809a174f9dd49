/// How a FakeTLS client's hello looks, and what is wrong with it.
package struct ClientHelloOptions: Sendable {
    /// The two sizes that today's clients send.
    package enum Shape: Sendable, CaseIterable {
        /// Exactly 517 bytes: one X25519 key share and a padding extension (observed: clients before 2025).
        case classic
        /// About 1.75 KB: an X25519MLKEM768 key share and an ECH extension (observed: tdlib 2026).
        case modern
    }

    /// What stands in the server_name extension.
    package enum ServerName: Sendable, Equatable {
        /// The secret's domain.
        case ofSecret
        /// No such extension at all.
        case absent
        /// Another name.
        case name(String)
    }

    package var shape: Shape
    package var serverName: ServerName
    /// Length of the legacy session id, 0...32; real clients send 32.
    package var sessionIDLength: Int
    /// Cipher suites offered; the first of 1301, 1302, 1303 should be the server's choice.
    package var cipherSuites: [UInt16]
    /// Added to the clock, in seconds.
    package var timestampOffset: Int
    /// An absolute timestamp in place of the clock's, in Unix seconds.
    package var timestamp: UInt32?
    /// Flips one bit of the proof.
    package var breaksProof: Bool
    /// Handshake bytes in each TLS record, the rest in the last one; empty: one record.
    package var recordSizes: [Int]

    package init(
        shape: Shape = .classic,
        serverName: ServerName = .ofSecret,
        sessionIDLength: Int = 32,
        cipherSuites: [UInt16] = Self.browserCipherSuites,
        timestampOffset: Int = 0,
        timestamp: UInt32? = nil,
        breaksProof: Bool = false,
        recordSizes: [Int] = []
    ) {
        self.shape = shape
        self.serverName = serverName
        self.sessionIDLength = sessionIDLength
        self.cipherSuites = cipherSuites
        self.timestampOffset = timestampOffset
        self.timestamp = timestamp
        self.breaksProof = breaksProof
        self.recordSizes = recordSizes
    }

    /// What Chrome offers, behind a GREASE value: TLS 1.3 first.
    package static let browserCipherSuites: [UInt16] = [
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
        0x002f, 0x0035,
    ]
    /// Nothing of TLS 1.3.
    package static let oldCipherSuites: [UInt16] = [0xc02b, 0xc02f, 0xc02c, 0xc030, 0x009c, 0x002f]
}
