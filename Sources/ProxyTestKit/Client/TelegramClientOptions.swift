package import MTProtoWire

/// How a ``TelegramClient`` behaves. The defaults are those of a well-behaved client of today.
package struct TelegramClientOptions: Sendable {
    /// The transport inside.
    package var framing: PacketFraming
    /// Data center as it goes on the wire: negative for media, plus 10000 for the test environment.
    package var dataCenter: Int16
    /// The FakeTLS hello; used with ee secrets only.
    package var hello: ClientHelloOptions
    /// A recorded hello to send instead of a new one.
    package var replayedHello: [UInt8]?
    /// A recorded 64-byte obfuscated2 header to send instead of a new one.
    package var replayedHeader: [UInt8]?
    /// Bytes in front of everything else, such as a PROXY protocol header.
    package var leadingBytes: [UInt8]
    /// How the opening (leading bytes, then hello or header) is cut into TCP segments.
    package var segments: SegmentPlan
    /// Keeps the 64-byte header back until the first packet and sends both in one write.
    package var joinsHeaderAndFirstPacket: Bool
    /// What messages look like from outside; a proxy that looks into them wants one of the last two.
    package var form: MessageEnvelope.Form
    /// No obfuscation at all: the framing's tag in place of the header, and no cipher.
    package var isBare: Bool
    /// Bytes of padding behind each packet, drawn from this range; padded intermediate only.
    package var padding: ClosedRange<Int>
    /// Seed of everything that is random here; nil: a new one each time.
    package var seed: UInt64?
    /// The TCP connection.
    package var connect: ConnectOptions
    /// How long any single read or write may take.
    package var patience: Duration

    package init(
        framing: PacketFraming = .paddedIntermediate,
        dataCenter: Int16 = 2,
        hello: ClientHelloOptions = ClientHelloOptions(),
        replayedHello: [UInt8]? = nil,
        replayedHeader: [UInt8]? = nil,
        leadingBytes: [UInt8] = [],
        segments: SegmentPlan = .whole,
        joinsHeaderAndFirstPacket: Bool = false,
        form: MessageEnvelope.Form = .unencrypted,
        isBare: Bool = false,
        padding: ClosedRange<Int> = 0...15,
        seed: UInt64? = nil,
        connect: ConnectOptions = ConnectOptions(),
        patience: Duration = .seconds(30)
    ) {
        self.framing = framing
        self.dataCenter = dataCenter
        self.hello = hello
        self.replayedHello = replayedHello
        self.replayedHeader = replayedHeader
        self.leadingBytes = leadingBytes
        self.segments = segments
        self.joinsHeaderAndFirstPacket = joinsHeaderAndFirstPacket
        self.form = form
        self.isBare = isBare
        self.padding = padding
        self.seed = seed
        self.connect = connect
        self.patience = patience
    }
}
