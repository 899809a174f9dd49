import MTProtoWire
import NIOCore
import ProxyPolicy

/// One session over a shared link: cuts the client's stream into messages and sends them as requests, and turns answers
/// back into the client's packets.
final class MiddleProxyRelay: SessionRelay {
    /// Transport padding that a client may add to a message in padded intermediate framing.
    private static let maximumPadding = 15

    private unowned let client: ClientConnection
    private let hub: MiddleProxyHub
    private var loop: LoopContext { hub.loop }
    let route: Route
    let wasWarm: Bool
    let framing: PacketFraming
    /// The number in the client's header.
    let wire: Int16
    private let usesFakeTLS: Bool
    private let adTag: AdTag?
    private let ends: (client: Endpoint, proxy: Endpoint)

    private var clientToProxy: AESCTR
    private var proxyToClient: AESCTR
    private var scanner: PacketScanner
    /// The packet that is coming in; nil between packets.
    private var packet: PacketHeader?
    /// Its bytes so far, when it does not come in one piece: at most ``ClientMessage/maximumLength`` and padding.
    private var gathered = ByteBuffer()

    private var link: MiddleProxyLink?
    private var connection: UInt64 = 0
    private var request: ProxyRequest
    private(set) var early: ByteBuffer? = ByteBuffer()
    private(set) var hasAnswer = false
    private(set) var awaitsAnswer = false
    private(set) var bytesUp = 0
    private(set) var bytesDown = 0
    private var inFlight = InFlight()
    private var isEnding = false
    private var isClosed = false
    /// Whether the client is held because it does not take its bytes.
    private var isFull = false
    /// Whether the client is held because the link takes no more for now.
    private var isWaiting = false

    init(client: ClientConnection, link: MiddleProxyLink, route: Route, greeting: ClientGreeting) {
        self.client = client
        self.route = route
        wire = greeting.dataCenterWire ?? client.dataCenter.wireValue
        hub = link.hub
        wasWarm = link.wasUsed
        framing = greeting.framing
        usesFakeTLS = greeting.usesFakeTLS
        adTag = client.adTag
        ends = client.ends
        clientToProxy = AESCTR(greeting.clientToProxy)
        clientToProxy.seek(to: UInt64(greeting.headerLength))
        proxyToClient = AESCTR(greeting.proxyToClient)
        scanner = PacketScanner(framing: greeting.framing)
        request = ProxyRequest(
            connection: 0, client: ends.client, proxy: ends.proxy, framing: greeting.framing, adTag: adTag)
        attach(link)
    }

    private func attach(_ link: MiddleProxyLink) {
        self.link = link
        connection = link.bind(self)
        request = ProxyRequest(
            connection: connection, client: ends.client, proxy: ends.proxy, framing: framing, adTag: adTag)
    }

    private func detach(says: Bool) {
        let bound = link
        link = nil
        bound?.unbind(connection, says: says)
    }

    let endsWholly = true
    var heldBytes: Int { gathered.storageCapacity }

    // MARK: Client to middle proxy

    func start(early bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { up($0) }
        endUp()
    }

    func beginUp(bytes: Int) {}

    func up(_ bytes: UnsafeRawBufferPointer) {
        bytesUp += bytes.count
        if !hasAnswer { remember(bytes) }
        var rest = bytes
        do throws(WireError) {
            while !isClosed {
                switch scanner.step(available: rest.count) {
                case .needMore: return
                case .header(let count): try readHeader(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
                case .payload(let count): readPayload(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
                }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(lastStep))
            }
        } catch {
            client.relayEnded(.clientProtocol)
        }
    }

    /// How many bytes the last step took.
    private var lastStep = 0

    func endUp() {
        guard let link, !isWaiting, !link.takesMore(from: self) else { return }
        isWaiting = true
        client.hold(.otherSide)
    }

    func linkHasRoom() {
        isWaiting = false
        if !isFull { client.release(.otherSide) }
    }

    private func remember(_ bytes: UnsafeRawBufferPointer) {
        guard let length = early?.readableBytes else { return }
        if length + bytes.count <= Relay.earlyBytes { early?.writeBytes(bytes) } else { early = nil }
    }

    private func readHeader(_ bytes: UnsafeRawBufferPointer) throws(WireError) {
        lastStep = bytes.count
        var plaintext: UInt32 = 0
        withUnsafeMutableBytes(of: &plaintext) { space in
            if let start = space.baseAddress { clientToProxy.apply(bytes, into: start) }
        }
        let header = try withUnsafeBytes(of: &plaintext) { (space) throws(WireError) in
            try scanner.take(UnsafeRawBufferPointer(rebasing: space.prefix(bytes.count)))
        }
        guard let header else { return }
        guard isSound(header) else { throw .packetTooLong }
        packet = header
    }

    /// Lengths that no client sends mean that the stream has lost its boundaries.
    private func isSound(_ header: PacketHeader) -> Bool {
        let length = header.payloadLength
        guard framing == .paddedIntermediate else {
            return length > 0 && length % 4 == 0 && length <= ClientMessage.maximumLength
        }
        return length >= 4 && length <= ClientMessage.maximumLength + Self.maximumPadding
    }

    private func readPayload(_ bytes: UnsafeRawBufferPointer) {
        lastStep = bytes.count
        guard let packet else { return }
        if gathered.readableBytes == 0, bytes.count == packet.payloadLength {
            self.packet = nil
            return forward(bytes, isEnciphered: true, packet)
        }
        if gathered.readableBytes == 0 { gathered.reserveCapacity(packet.payloadLength) }
        gathered.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count) { space in
            if let start = space.baseAddress { clientToProxy.apply(bytes, into: start) }
            return bytes.count
        }
        guard gathered.readableBytes == packet.payloadLength else { return }
        self.packet = nil
        var whole = ByteBuffer()
        swap(&whole, &gathered)
        whole.withUnsafeReadableBytes { forward($0, isEnciphered: false, packet) }
    }

    /// Sends one message. What is no MTProto message of a client is left out, as Telegram's own proxy does: a stranger's
    /// bytes never reach Telegram.
    private func forward(_ bytes: UnsafeRawBufferPointer, isEnciphered: Bool, _ packet: PacketHeader) {
        guard let link else { return }
        if let query = client.query {
            // Behind a web server every request may be somebody else's.
            request = ProxyRequest(
                connection: connection, client: query.client ?? ends.client, proxy: ends.proxy, framing: framing,
                adTag: adTag, http: query.info)
        }
        // Padding beyond whole words is the transport's; the rest of it the middle proxy copes with.
        let length = bytes.count & ~3
        // Writing may be what finds the link dead, and then this message was under way.
        let before = inFlight
        inFlight.sent(now: DeadlineWheel.now())
        awaitsAnswer = true
        let isSent = link.writeFrame(payloadLength: request.headerLength + length) { space in
            let place = space + request.headerLength
            let message = UnsafeRawBufferPointer(rebasing: bytes.prefix(length))
            if isEnciphered {
                clientToProxy.apply(message, into: place)
            } else if let source = message.baseAddress {
                place.copyMemory(from: source, byteCount: length)
            }
            let verdict = ClientMessage.judge(UnsafeRawBufferPointer(start: place, count: length))
            guard verdict != .refused else { return false }
            request.write(
                isEncrypted: verdict == .encrypted, wantsQuickAck: packet.wantsQuickAck, into: space)
            return true
        }
        if isEnciphered { clientToProxy.seek(to: clientToProxy.offset + UInt64(bytes.count - length)) }
        guard isSent else {
            inFlight = before
            return loop.shared.metrics.middleProxyRefusedMessages.add()
        }
        loop.counts.requests &+= 1
        link.noteRequest(connection)
    }

    // MARK: Middle proxy to client

    /// One answer's data: one packet for the client.
    func deliver(_ data: UnsafeRawBufferPointer) {
        guard !isClosed else { return }
        let padding = framing == .paddedIntermediate ? Int(loop.random.next(upperBound: 4 as UInt32)) : 0
        guard let header = PacketHeader(payloadLength: data.count + padding, framing: framing) else {
            return client.relayEnded(.upstreamFailed)
        }
        noteAnswer()
        loop.counts.answers &+= 1
        inFlight.answered()
        var prefix = header.plaintext.littleEndian
        var tail: UInt32 = padding > 0 ? loop.random.next() : 0
        withUnsafeBytes(of: &prefix) { prefix in
            withUnsafeBytes(of: &tail) { tail in
                send([
                    UnsafeRawBufferPointer(rebasing: prefix.prefix(header.length)), data,
                    UnsafeRawBufferPointer(rebasing: tail.prefix(padding)),
                ])
            }
        }
        if isEnding { client.upstreamClosed() }
    }

    /// The data center has the message whose sender asked for this.
    func acknowledge(_ confirm: UInt32) {
        guard !isClosed else { return }
        noteAnswer()
        loop.counts.acknowledgements &+= 1
        inFlight.acknowledged()
        let packets = QuickAck.packets(confirm: confirm, framing: framing, random: loop.random.next())
        packets.withUnsafeBytes { send([$0]) }
    }

    private func noteAnswer() {
        guard !hasAnswer else { return }
        hasAnswer = true
        early = nil
        client.relayAnswered()
    }

    /// Ciphers the parts into one buffer, in records where the client expects them, and writes it.
    private func send(_ parts: [UnsafeRawBufferPointer]) {
        let count = parts.reduce(0) { $0 + $1.count }
        let length = usesFakeTLS ? TLSRecordWriter.outputLength(payloadLength: count) : count
        // What has to wait shall take no more memory than it is long.
        let isQueued = !client.isWritable
        var output = isQueued ? ByteBufferAllocator().buffer(capacity: length) : loop.takeOutput(length)
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { space in
            guard var place = space.baseAddress else { return 0 }
            var left = count
            var record = usesFakeTLS ? 0 : count
            for var part in parts {
                while part.count > 0 {
                    if record == 0 {
                        record = TLSRecordWriter.writeHeader(remaining: left, into: place)
                        place += TLSRecordWriter.headerLength
                    }
                    let step = min(record, part.count)
                    proxyToClient.apply(UnsafeRawBufferPointer(rebasing: part.prefix(step)), into: place)
                    place += step
                    record -= step
                    left -= step
                    part = UnsafeRawBufferPointer(rebasing: part.dropFirst(step))
                }
            }
            return length
        }
        bytesDown += count
        let isWritable = client.write(output)
        if !isQueued { loop.returnOutput(output) }
        client.delivered()
        guard !isWritable, !isFull else { return }
        // It gets no more answers to what it has not asked yet.
        isFull = true
        client.hold(.otherSide)
    }

    /// Whether more waits in memory for the client than a socket takes at once.
    var hasQueue: Bool { !client.isWritable }
    /// What waits in memory for the client, bytes; a little counts as nothing.
    var queuedBytes: Int { client.isWritable ? 0 : client.queuedBytes }

    func clientWritabilityChanged(isWritable: Bool) {
        guard isWritable, isFull else { return }
        isFull = false
        link?.noteDrained(connection, queue: 0)
        if !isWaiting { client.release(.otherSide) }
    }

    /// Nothing can be held for one client alone: it is the client's own requests that wait.
    func holdDown(_ isHeld: Bool) {
        if isHeld { client.hold(.rate) } else { client.release(.rate) }
    }

    // MARK: Ends

    /// The client does not take what it asked for.
    func letGo() {
        loop.shared.metrics.middleProxyLetGo.add()
        client.relayEnded(.overloaded)
    }

    /// Everything that was answered before has been written: it goes out, then the connection ends. A client that got no
    /// answer ends as well, as with Telegram's own proxy: asked again, the middle proxy would say the same.
    func closedByMiddleProxy() {
        detach(says: false)
        if hasAnswer { client.upstreamClosed() } else { client.relayEnded(.upstreamClosed) }
    }

    /// A client that has said its end still gets the answer to what it asked.
    func clientEnded() {
        isEnding = true
        if isAtRest(confirmedUntil: link?.watch.confirmedUntil, isInterrupted: false) {
            client.upstreamClosed()
        }
    }

    func close(flushing: Bool) {
        guard !isClosed else { return }
        isClosed = true
        detach(says: true)
        hub.forget(self)
    }

    /// The link is gone. A client with nothing under way on it goes on over another one; one whose question or answer
    /// may be lost has to connect anew, since only it can ask again.
    func linkLost(_ failure: RouteFailure, wasInterrupted: Bool, _ confirmedUntil: Int64) {
        link = nil
        guard !isClosed else { return }
        // A link that served others before says nothing about the route, however it broke.
        guard hasAnswer else { return client.relayFailed(wasWarm ? .closedEarly : failure) }
        guard isAtRest(confirmedUntil: confirmedUntil, isInterrupted: wasInterrupted), !isEnding else {
            loop.shared.metrics.middleProxySessionsLost.add()
            return client.relayFailed(failure)
        }
        client.hold(.route)
        hub.rebind(self)
    }

    private func isAtRest(confirmedUntil: Int64?, isInterrupted: Bool) -> Bool {
        inFlight.isAtRest(provenUntil: confirmedUntil, hasPartialFrame: isInterrupted, now: DeadlineWheel.now())
    }

    /// The link's target is not wanted any more: the session leaves it as soon as nothing is under way.
    func moveIfAtRest() {
        guard let link, hasAnswer, !isClosed, !isEnding,
            isAtRest(confirmedUntil: link.watch.confirmedUntil, isInterrupted: link.interruptedConnection == connection)
        else { return }
        detach(says: true)
        client.hold(.route)
        hub.rebind(self)
    }

    func rebound(_ link: MiddleProxyLink?) {
        guard !isClosed else { return }
        guard let link else {
            loop.shared.metrics.middleProxySessionsLost.add()
            return client.relayFailed(.noMiddleProxy)
        }
        loop.shared.metrics.middleProxySessionsMoved.add()
        attach(link)
        isWaiting = false
        client.release(.route)
        if !isFull { client.release(.otherSide) }
    }
}
