/// The points of a WebSocket connection's opening at which something can go wrong.
package enum EdgeStage: Sendable, CaseIterable {
    /// The TCP connection is up; nothing is read.
    case tcp
    /// The ClientHello came; nothing was answered.
    case tls
    /// TLS is up and the upgrade request came; nothing was answered.
    case upgrade
    /// 101 was sent; no message was read.
    case established
}

/// What a WebSocket edge does with a connection.
package enum EdgeBehaviour: Sendable {
    /// Everything right; the data center inside does what it was told to, or as given here.
    case serve(DataCenterBehaviour? = nil)
    /// Stops answering at this stage, and keeps the connection.
    case hang(EdgeStage)
    /// Sends a RST at this stage.
    case reset(EdgeStage)
    /// Sends a FIN at this stage, without a word.
    case close(EdgeStage)
    /// Waits this long at this stage, then does everything right.
    case delay(EdgeStage, Duration)
    /// Answers the upgrade request with another status.
    case status(Int, [HTTPField] = [])
    /// Answers the upgrade request with these bytes, then closes.
    case answer([UInt8])
    /// 101 with a Sec-WebSocket-Accept that belongs to another key.
    case badAccept
    /// 101 without Sec-WebSocket-Accept.
    case missingAccept

    /// A redirect, as Telegram's edge sends it for a data center that it does not serve.
    package static func redirect(_ status: Int = 302, to location: String = "https://core.telegram.org/") -> Self {
        .status(status, [HTTPField("Location", location)])
    }

    /// 429, with Retry-After in seconds if given.
    package static func tooManyRequests(retryAfter: Int? = nil) -> Self {
        .status(429, retryAfter.map { [HTTPField("Retry-After", String($0))] } ?? [])
    }
}

/// How a WebSocket edge puts messages into frames.
package struct EdgeOutputStyle: Sendable {
    /// Frames per message; more than one makes continuation frames, some of which may be empty.
    package var fragments: Int
    /// Sends a ping between the fragments.
    package var pingsBetweenFragments: Bool
    /// Says text instead of binary.
    package var usesTextFrames: Bool
    /// Sends a ping in the same write as the 101.
    package var pingsWithUpgrade: Bool

    package init(
        fragments: Int = 1,
        pingsBetweenFragments: Bool = false,
        usesTextFrames: Bool = false,
        pingsWithUpgrade: Bool = false
    ) {
        self.fragments = fragments
        self.pingsBetweenFragments = pingsBetweenFragments
        self.usesTextFrames = usesTextFrames
        self.pingsWithUpgrade = pingsWithUpgrade
    }
}

/// Which certificate a TLS server shows.
package enum EdgeCertificate: Sendable, Equatable {
    /// One of the test authority for these names.
    case issued([String])
    /// One for these names that signed itself.
    case selfSigned([String])
    /// No TLS at all.
    case plaintext

    /// One of the test authority, for a name that nobody asked for.
    package static let wrongName = EdgeCertificate.issued(["wrong-name.example"])
}
