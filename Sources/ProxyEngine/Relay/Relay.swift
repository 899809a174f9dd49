import MTProtoWire
import NIOCore
import ProxyPolicy

/// The two-way copying between one client and one upstream: takes one pair of ciphers off and puts another one on.
///
/// Bytes pass through once: read into the loop's receive buffer, transcoded into its output buffer, written. Nothing
/// is kept, except before the upstream's first answer, when what the client said is remembered so that another route
/// can be tried without the client's noticing.
final class Relay: SessionRelay {
    /// What is remembered of a client's first bytes for a second try. A client's first flight is a few KiB; beyond
    /// this bound a session simply cannot be moved any more.
    static let earlyBytes = 64 << 10

    private unowned let client: ClientConnection
    let upstream: Upstream
    private let loop: LoopContext
    private let framing: PacketFraming
    private let usesFakeTLS: Bool

    private var clientToProxy: AESCTR
    private var proxyToClient: AESCTR
    private var toUpstream: AESCTR
    private var fromUpstream: AESCTR
    private var scanner: PacketScanner
    /// Mask of the WebSocket frame that is being written, and how far into its payload the next byte stands.
    private var mask: UInt32 = 0
    private var maskPhase = 0
    private var header: UpstreamHeader

    private var output = ByteBuffer()
    /// What the client has said so far, as it came; nil once the upstream answered or it grew too long.
    private(set) var early: ByteBuffer?
    /// Downstream bytes that are too few to tell a transport error from a packet.
    private var undecided: [UInt8] = []
    private(set) var hasAnswer = false
    private(set) var bytesUp = 0
    private(set) var bytesDown = 0
    private var upstreamHolds: Holds = []
    private var clientIsPaused = false

    init(client: ClientConnection, upstream: Upstream, greeting: ClientGreeting, dataCenter: DataCenter) {
        self.client = client
        self.upstream = upstream
        loop = upstream.loop
        framing = greeting.framing
        usesFakeTLS = greeting.usesFakeTLS
        clientToProxy = AESCTR(greeting.clientToProxy)
        clientToProxy.seek(to: UInt64(greeting.headerLength))
        proxyToClient = AESCTR(greeting.proxyToClient)
        header = UpstreamHeader.make(
            framing: greeting.framing,
            dataCenterWire: dataCenter.wireValue,
            using: &upstream.loop.random
        )
        toUpstream = AESCTR(header.outbound)
        toUpstream.seek(to: 64)
        fromUpstream = AESCTR(header.inbound)
        scanner = PacketScanner(framing: greeting.framing)
    }

    var route: Route { upstream.route }
    var wasWarm: Bool { upstream.wasWarm }
    var endsWholly: Bool { upstream.isWebSocket }
    var awaitsAnswer: Bool { bytesUp > 0 }
    var heldBytes: Int { (early?.storageCapacity ?? 0) + upstream.queuedBytes }

    /// Whether a WebSocket frame has been begun whose payload is not complete: no other frame may go out now.
    var isInsideFrame: Bool { upstream.sendsPackets && scanner.remaining > 0 }

    // MARK: Client to upstream

    /// Sends our header and what the client said while the route was being found.
    func start(early bytes: ByteBuffer) {
        upstream.lease(to: self)
        beginUp(bytes: bytes.readableBytes + 64)
        if upstream.isWebSocket {
            var frame = WebSocketFrameWriter.frame(.binary, payload: header.bytes, mask: loop.random.next())
            output.writeBuffer(&frame)
        } else {
            output.writeBytes(header.bytes)
        }
        header.bytes = []
        early = ByteBuffer()
        bytes.withUnsafeReadableBytes { up($0) }
        endUp()
    }

    func beginUp(bytes: Int) {
        output = loop.takeOutput(bytes + WebSocketFrameWriter.maximumHeaderLength)
    }

    /// Stream bytes of the client, without any outer framing.
    func up(_ bytes: UnsafeRawBufferPointer) {
        bytesUp += bytes.count
        if !hasAnswer { remember(bytes) }
        if !upstream.isWebSocket {
            transcodeUp(bytes)
        } else if upstream.sendsPackets {
            do throws(WireError) {
                try frameByPackets(bytes)
            } catch {
                client.relayEnded(.clientProtocol)
            }
        } else {
            beginFrame(payloadLength: bytes.count)
            transcodeMasked(bytes)
        }
    }

    func endUp() {
        guard output.readableBytes > 0 else { return loop.returnOutput(emptied(&output)) }
        upstream.write(output)
        loop.returnOutput(emptied(&output))
        if !isInsideFrame { upstream.frameEnded() }
        if !upstream.isWritable, !clientIsPaused {
            clientIsPaused = true
            client.hold(.otherSide)
        }
    }

    private func remember(_ bytes: UnsafeRawBufferPointer) {
        guard let length = early?.readableBytes else { return }
        if length + bytes.count <= Self.earlyBytes {
            early?.writeBytes(bytes)
        } else {
            early = nil
        }
    }

    private func transcodeUp(_ bytes: UnsafeRawBufferPointer) {
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count) { space in
            guard let start = space.baseAddress else { return 0 }
            AESCTR.transcode(&clientToProxy, &toUpstream, bytes, into: start)
            return bytes.count
        }
    }

    private func transcodeMasked(_ bytes: UnsafeRawBufferPointer) {
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count) { space in
            guard let start = space.baseAddress else { return 0 }
            AESCTR.transcode(&clientToProxy, &toUpstream, bytes, into: start, mask: mask, phase: maskPhase)
            return bytes.count
        }
        maskPhase = (maskPhase + bytes.count) & 3
    }

    private func beginFrame(payloadLength: Int) {
        mask = loop.random.next()
        maskPhase = 0
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: WebSocketFrameWriter.maximumHeaderLength) { space in
            guard let start = space.baseAddress else { return 0 }
            return WebSocketFrameWriter.writeHeader(.binary, payloadLength: payloadLength, mask: mask, into: start)
        }
    }

    /// One frame per packet. The packet's own header says how long it gets, so that the frame can begin before the
    /// payload is here and nothing is gathered.
    private func frameByPackets(_ bytes: UnsafeRawBufferPointer) throws(WireError) {
        var rest = bytes
        while true {
            switch scanner.step(available: rest.count) {
            case .needMore:
                return
            case .payload(let count):
                transcodeMasked(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            case .header(let count):
                var plaintext: UInt32 = 0
                let taken = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
                withUnsafeMutableBytes(of: &plaintext) { space in
                    if let start = space.baseAddress { clientToProxy.apply(taken, into: start) }
                }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
                if let packet = try take(header: plaintext, count: count) { writePacketHeader(packet) }
            }
        }
    }

    private func take(header plaintext: UInt32, count: Int) throws(WireError) -> PacketHeader? {
        var plaintext = plaintext
        return try withUnsafeBytes(of: &plaintext) { (bytes) throws(WireError) in
            try scanner.take(UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
        }
    }

    private func writePacketHeader(_ packet: PacketHeader) {
        beginFrame(payloadLength: packet.packetLength)
        // The mask repeats every four bytes and a header has at most four, so one XOR covers it.
        var bytes = packet.plaintext.littleEndian ^ mask.littleEndian
        withUnsafeMutableBytes(of: &bytes) { space in
            toUpstream.apply(inPlace: UnsafeMutableRawBufferPointer(rebasing: space.prefix(packet.length)))
            output.writeBytes(space.prefix(packet.length))
        }
        maskPhase = packet.length & 3
    }

    // MARK: Upstream to client

    func beginDown(bytes: Int) {
        output = loop.takeOutput(bytes + 2 * TLSRecordWriter.headerLength + bytes / 1024)
    }

    /// Stream bytes of the data center, without any outer framing.
    func down(_ bytes: UnsafeRawBufferPointer) {
        guard hasAnswer else { return judgeAnswer(bytes) }
        bytesDown += bytes.count
        if usesFakeTLS {
            transcodeRecords(bytes)
        } else {
            transcodeDown(bytes)
        }
    }

    func endDown() {
        guard output.readableBytes > 0 else { return loop.returnOutput(emptied(&output)) }
        let isWritable = client.write(output)
        loop.returnOutput(emptied(&output))
        if !isWritable { holdUpstream(.otherSide) }
        client.delivered()
    }

    private func transcodeDown(_ bytes: UnsafeRawBufferPointer) {
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count) { space in
            guard let start = space.baseAddress else { return 0 }
            AESCTR.transcode(&fromUpstream, &proxyToClient, bytes, into: start)
            return bytes.count
        }
    }

    private func transcodeRecords(_ bytes: UnsafeRawBufferPointer) {
        let length = TLSRecordWriter.outputLength(payloadLength: bytes.count)
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { space in
            guard var place = space.baseAddress else { return 0 }
            var rest = bytes
            while rest.count > 0 {
                let count = TLSRecordWriter.writeHeader(remaining: rest.count, into: place)
                place += TLSRecordWriter.headerLength
                let payload = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
                AESCTR.transcode(&fromUpstream, &proxyToClient, payload, into: place)
                place += count
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
            return length
        }
    }

    /// Looks at the very first packet: a data center that refuses the route says so there, and the client shall not
    /// see it, since it would switch the proxy off.
    private func judgeAnswer(_ bytes: UnsafeRawBufferPointer) {
        undecided.append(contentsOf: bytes)
        var start = Array(undecided.prefix(8))
        var keystream = [UInt8](repeating: 0, count: start.count)
        keystream.withUnsafeMutableBytes { fromUpstream.keystream(at: 0, into: $0) }
        for index in start.indices { start[index] ^= keystream[index] }
        switch TransportError.first(in: start, framing: framing) {
        case .undecided:
            return
        case .error(.wrongDataCenter, _):
            loop.shared.metrics.wrongDataCenter.add()
            client.relayFailed(.wrongDataCenter)
        case .error, .packet:
            hasAnswer = true
            early = nil
            client.relayAnswered()
            let held = emptied(&undecided)
            held.withUnsafeBytes { down($0) }
        }
    }

    // MARK: Pace and end

    func upstreamWritabilityChanged() {
        guard clientIsPaused, upstream.isWritable else { return }
        clientIsPaused = false
        client.release(.otherSide)
    }

    func clientWritabilityChanged(isWritable: Bool) {
        if isWritable { releaseUpstream(.otherSide) }
    }

    func holdDown(_ isHeld: Bool) {
        if isHeld { holdUpstream(.rate) } else { releaseUpstream(.rate) }
    }

    private func holdUpstream(_ reason: Holds) {
        if upstreamHolds.isEmpty { upstream.pauseReading() }
        upstreamHolds.insert(reason)
    }

    private func releaseUpstream(_ reason: Holds) {
        guard upstreamHolds.remove(reason) != nil, upstreamHolds.isEmpty else { return }
        upstream.resumeReading()
    }

    func close(flushing: Bool) { upstream.close(flushing: flushing) }

    /// A client that said FIN is still read from nothing, but a paused upstream must go on.
    func clientEnded() { upstream.finishWriting() }

    func upstreamEnded() { client.upstreamEnded() }
    func upstreamClosed() { client.upstreamClosed() }
    func upstreamFailed(_ failure: RouteFailure) { client.relayFailed(failure) }
}

/// Moves a value out, leaving an empty one, so that the buffer keeps a single owner.
private func emptied(_ buffer: inout ByteBuffer) -> ByteBuffer {
    var taken = ByteBuffer()
    swap(&taken, &buffer)
    return taken
}

private func emptied(_ bytes: inout [UInt8]) -> [UInt8] {
    var taken: [UInt8] = []
    swap(&taken, &bytes)
    return taken
}
