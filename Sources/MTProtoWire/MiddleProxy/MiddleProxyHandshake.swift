package import NIOCore

/// The handshake on one link to a middle proxy, from our first byte to its last: a nonce each in clear, then a handshake
/// frame each under the keys that follow from them.
///
/// The caller sends what `start` and `.send` give and hands on what arrives, cut as it comes. All deadlines are the
/// caller's.
package struct MiddleProxyHandshake {
    /// What is known before the first byte.
    package struct Setup: Sendable {
        package var secret: MiddleProxySecret
        /// Our end of the connection as the middle proxy sees it: behind a NAT the public address.
        package var local: Endpoint
        /// The middle proxy's end.
        package var remote: Endpoint
        package var process: ProcessID
        /// Random; never the same twice.
        package var nonce: Block16
        /// Our clock now, Unix seconds.
        package var unixTime: UInt32
        /// Whether frames may be checked with CRC32C, which processors compute faster.
        package var offersCRC32C: Bool
        /// A group and a fresh random exponent of `DiffieHellmanGroup.exponentLength` bytes: offers schema 3 instead
        /// of 1.
        package var diffieHellman: (group: DiffieHellmanGroup, exponent: [UInt8])?

        package init(
            secret: MiddleProxySecret, local: Endpoint, remote: Endpoint, process: ProcessID, nonce: Block16,
            unixTime: UInt32, offersCRC32C: Bool = true,
            diffieHellman: (group: DiffieHellmanGroup, exponent: [UInt8])? = nil
        ) {
            self.secret = secret
            self.local = local
            self.remote = remote
            self.process = process
            self.nonce = nonce
            self.unixTime = unixTime
            self.offersCRC32C = offersCRC32C
            self.diffieHellman = diffieHellman
        }
    }

    package enum Step {
        case needMore
        /// To be sent; then `receive` again, with an empty buffer if nothing else came.
        case send(ByteBuffer)
        /// Everything received is in the link's hands.
        case established(EstablishedLink)
    }

    private enum State {
        /// Waiting for the middle proxy's nonce.
        case nonce
        /// Waiting for its handshake frame.
        case handshake(CBCEncryptor, CBCDecryptor)
        case established
        case failed(MiddleProxyError)
    }

    /// The most seconds between both clocks: what Telegram's own proxy takes, and middle proxies as well.
    package static let maximumSkew = 30
    /// The most fillers during a handshake. Some implementations send up to three to complete a block; one that sends
    /// nothing else must not keep a link for long.
    package static let maximumFillers = 64
    /// The flag of a handshake frame by which CRC32C is offered and accepted.
    package static let crc32CFlag: UInt32 = 0x800

    private let setup: Setup
    private var state = State.nonce
    private var reader = MiddleProxyFrameReader(sequence: -2, maximumLength: MiddleProxyNonce.maximumFrameLength)
    /// Bytes that came and were not looked at to the end: ciphertext from the handshake on. Never more than a frame once
    /// `receive` has returned.
    private var received = ByteBuffer()
    /// What was decrypted of it and not read yet.
    private var plaintext = ByteBuffer()
    private var fillers = 0
    /// Whether ciphertext was taken yet; until then fillers in clear may come.
    private var isEnciphered = false

    /// The middle proxy's clock minus ours, known once its nonce came, even when that was the reason to throw.
    package private(set) var skewSeconds: Int?
    /// Whether our handshake frame is out. A link that is closed after that is refused: the public address in its keys
    /// is wrong, or the clock.
    package private(set) var sentHandshake = false

    package init(_ setup: Setup) {
        self.setup = setup
    }

    /// Our nonce frame, to be sent first.
    package func start() -> ByteBuffer {
        let nonce = MiddleProxyNonce(
            keySelector: setup.secret.keySelector, unixTime: setup.unixTime, nonce: setup.nonce,
            publicValue: setup.diffieHellman.map { $0.group.publicValue(exponent: $0.exponent) })
        return nonce.frame
    }

    /// Takes all of `bytes` and says what is to be done.
    ///
    /// - Parameter unixTime: our clock now, Unix seconds.
    /// - Throws: what ended the handshake; from then on always the same.
    package mutating func receive(_ bytes: inout ByteBuffer, unixTime: UInt32) throws(MiddleProxyError) -> Step {
        do throws(MiddleProxyError) {
            switch state {
            case .nonce:
                received.writeBuffer(&bytes)
                return try receiveNonce(unixTime: unixTime)
            case .handshake(let encryptor, let decryptor):
                received.writeBuffer(&bytes)
                return try receiveHandshake(encryptor, decryptor)
            case .established:
                // The link reads on; bytes that come here by mistake stay where they are.
                return .needMore
            case .failed(let error):
                throw error
            }
        } catch {
            state = .failed(error)
            received.clear()
            plaintext.clear()
            throw error
        }
    }

    // MARK: Nonces

    private mutating func receiveNonce(unixTime: UInt32) throws(MiddleProxyError) -> Step {
        guard var payload = try nextFrame(of: \.received) else { return .needMore }
        let answer = try MiddleProxyNonce(reading: &payload, offersDiffieHellman: setup.diffieHellman != nil)
        let skew = skew(of: answer.unixTime, now: unixTime)
        skewSeconds = skew
        guard answer.keySelector == setup.secret.keySelector else { throw .wrongSelector }
        guard abs(skew) <= Self.maximumSkew else { throw .clockSkew(seconds: skew) }
        try skipPlainFillers()
        let begunFiller = received.readableBytesView.elementsEqual(
            [4, 0, 0, 0].prefix(received.readableBytes))
        guard received.readableBytes < 4, begunFiller else { throw .unexpectedBytes }
        return .send(try beginHandshake(answer))
    }

    /// The server stamped its answer somewhere between our sending and our receiving: within that nothing is skewed.
    private func skew(of time: UInt32, now: UInt32) -> Int {
        let earliest = Int(setup.unixTime)
        let latest = max(earliest, Int(now))
        return Int(time) - min(max(Int(time), earliest), latest)
    }

    /// Makes the keys and our handshake frame.
    private mutating func beginHandshake(_ answer: MiddleProxyNonce) throws(MiddleProxyError) -> ByteBuffer {
        guard setup.local.address.isIPv4 == setup.remote.address.isIPv4 else { throw .mixedFamilies }
        var material = MiddleProxyKeys.Material(
            serverNonce: answer.nonce, clientNonce: setup.nonce, clientTime: setup.unixTime, server: setup.remote,
            client: setup.local, secret: setup.secret)
        if let (group, exponent) = setup.diffieHellman {
            guard let value = answer.publicValue, let shared = group.shared(value: value, exponent: exponent) else {
                throw .badDiffieHellman
            }
            material.sharedSecret = shared
        }
        let keys = MiddleProxyKeys.derive(material)
        let encryptor = CBCEncryptor(keys.write)
        var buffer = handshakeFrame
        buffer.withUnsafeMutableReadableBytes { encryptor.encrypt(inPlace: $0) }
        reader = MiddleProxyFrameReader(sequence: -1, maximumLength: MiddleProxyFrameWriter.overhead + 32)
        state = .handshake(encryptor, CBCDecryptor(keys.read))
        sentHandshake = true
        return buffer
    }

    /// Our handshake frame with its filler, in clear.
    private var handshakeFrame: ByteBuffer {
        var buffer = ByteBuffer()
        var writer = MiddleProxyFrameWriter(sequence: -1)
        let start = writer.begin(payloadLength: 32, into: &buffer)
        buffer.writeMultipleIntegers(
            MiddleProxyType.handshake, setup.offersCRC32C ? Self.crc32CFlag : 0, endianness: .little)
        setup.process.write(to: &buffer)
        ProcessID(remote: setup.remote).write(to: &buffer)
        writer.end(&buffer, start: start)
        MiddleProxyFrameWriter.pad(&buffer, from: start)
        return buffer
    }

    // MARK: Handshake frames

    private mutating func receiveHandshake(
        _ encryptor: CBCEncryptor, _ decryptor: CBCDecryptor
    ) throws(MiddleProxyError) -> Step {
        guard try decryptBlocks(decryptor), var payload = try nextFrame(of: \.plaintext) else { return .needMore }
        let crc = try readHandshake(&payload)
        let link = EstablishedLink(
            encryptor: encryptor, decryptor: decryptor, writer: MiddleProxyFrameWriter(crc: crc),
            reader: MiddleProxyFrameReader(crc: crc), skewSeconds: skewSeconds ?? 0, leftover: plaintext,
            undecrypted: received)
        state = .established
        received = ByteBuffer()
        plaintext = ByteBuffer()
        return .established(link)
    }

    /// Decrypts the whole blocks that came; false when nothing can be said about them yet.
    private mutating func decryptBlocks(_ decryptor: CBCDecryptor) throws(MiddleProxyError) -> Bool {
        // A filler that completes the nonce frame may come later than the frame. Ciphertext that begins like one, a
        // chance of 2^-32, costs this link.
        if !isEnciphered { try skipPlainFillers() }
        let count = received.readableBytes / Block16.count * Block16.count
        guard count > 0 else { return plaintext.readableBytes > 0 }
        isEnciphered = true
        plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { output in
            received.withUnsafeReadableBytes { input in
                guard let base = output.baseAddress else { return 0 }
                decryptor.decrypt(UnsafeRawBufferPointer(rebasing: input.prefix(count)), into: base)
                return count
            }
        }
        received.moveReaderIndex(forwardBy: count)
        return true
    }

    /// Reads the answer to our handshake and says which checksum the link uses.
    private func readHandshake(_ payload: inout ByteBuffer) throws(MiddleProxyError) -> CRC {
        guard let type = payload.readInteger(endianness: .little, as: UInt32.self) else { throw .wrongLength }
        guard type == MiddleProxyType.handshake else { throw Self.unexpected(type, payload) }
        guard payload.readableBytes == 28, let flags = payload.readInteger(endianness: .little, as: UInt32.self),
            ProcessID(reading: &payload) != nil, let peer = ProcessID(reading: &payload)
        else { throw .wrongLength }
        guard peer.echoes(setup.process) else { throw .wrongProcess }
        let wantsCRC32C = flags & Self.crc32CFlag != 0
        guard flags & 0xff == 0, setup.offersCRC32C || !wantsCRC32C else { throw .wrongFlags(flags) }
        return wantsCRC32C ? .crc32c : .crc32
    }

    /// What it means that another message came than was due.
    static func unexpected(_ type: UInt32, _ rest: ByteBuffer) -> MiddleProxyError {
        guard type == MiddleProxyType.handshakeError, rest.readableBytes == 4 + ProcessID.length,
            let code = rest.getInteger(at: rest.readerIndex, endianness: .little, as: Int32.self)
        else { return .unexpectedMessage(type: type) }
        return .refused(code: code)
    }

    // MARK: Frames

    /// Takes the next frame out of a buffer, fillers before it as well; nil as long as it is incomplete.
    private mutating func nextFrame(
        of source: WritableKeyPath<Self, ByteBuffer>
    ) throws(MiddleProxyError) -> ByteBuffer? {
        while true {
            let step: MiddleProxyFrameReader.Step
            do throws(WireError) {
                step = try self[keyPath: source].withUnsafeReadableBytes { bytes throws(WireError) in
                    try reader.next(bytes)
                }
            } catch {
                throw .badFrame(error)
            }
            switch step {
            case .needMore:
                return nil
            case .filler(let length):
                self[keyPath: source].moveReaderIndex(forwardBy: length)
                try count(fillers: length / 4)
            case .frame(let payload, let length):
                return self[keyPath: source].readSlice(length: length)?.getSlice(
                    at: payload.lowerBound, length: payload.count)
            }
        }
    }

    private mutating func skipPlainFillers() throws(MiddleProxyError) {
        while received.getInteger(at: received.readerIndex, endianness: .little, as: UInt32.self)
            == MiddleProxyFrameWriter.filler
        {
            received.moveReaderIndex(forwardBy: 4)
            try count(fillers: 1)
        }
    }

    private mutating func count(fillers count: Int) throws(MiddleProxyError) {
        fillers += count
        guard fillers <= Self.maximumFillers else { throw .tooManyFillers }
    }
}
