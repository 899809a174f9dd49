/// What stands before every client message that goes to a middle proxy; the same for all of a connection but two flags.
///
/// Shape: type (4), flags (4), connection (8), client address (16) and port (4), proxy address (16) and port (4); with
/// an ad tag or for an HTTP client then the length of what is extra (4); of a tag the type (4) and the tag with its
/// length and zeros up to a multiple of 4 (20); of an HTTP client its ``HTTPClientInfo``. Numbers are little endian, addresses in network order, IPv4 in v4-mapped form. The message
/// follows, a multiple of 4 bytes.
package struct ProxyRequest: Equatable, Sendable {
    /// The bits of the flags.
    package enum Flag {
        /// The client came over HTTP, and what is known of it stands in what is extra.
        package static let http: UInt32 = 0x2005
        /// The message is one of the few that come before there is a key.
        package static let unencrypted: UInt32 = 0x2
        /// The ad tag stands in what is extra.
        package static let adTag: UInt32 = 0x8
        /// Set in every request of a client that came over TCP.
        package static let always: UInt32 = 0x1000
        /// The client came over obfuscated2.
        package static let obfuscated2: UInt32 = 0x2_0000
        /// The client pads its packets. Other implementations send it, Telegram's own proxy never does, so neither does
        /// this one.
        package static let padded: UInt32 = 0x0800_0000
        package static let intermediate: UInt32 = 0x2000_0000
        package static let abridged: UInt32 = 0x4000_0000
        /// The client asked for a quick acknowledgement of this message.
        package static let quickAck: UInt32 = 0x8000_0000
    }

    /// Bytes before the message without an ad tag.
    package static let plainLength = 56
    /// Bytes before the message with an ad tag.
    package static let taggedLength = 84
    /// What an ad tag in what is extra begins with.
    package static let adTagType: UInt32 = 0xdb1e_26ae

    /// The client's number on its link.
    package let connection: UInt64
    package let client: Endpoint
    /// Where the client reached the proxy.
    package let proxy: Endpoint
    package let framing: PacketFraming
    package let adTag: AdTag?
    /// The encoded ``HTTPClientInfo``; empty for all other clients.
    private let http: [UInt8]

    package init(
        connection: UInt64, client: Endpoint, proxy: Endpoint, framing: PacketFraming, adTag: AdTag?,
        http: HTTPClientInfo? = nil
    ) {
        self.http = http?.encoded ?? []
        self.connection = connection
        self.client = client
        self.proxy = proxy
        self.framing = framing
        self.adTag = adTag
    }

    /// Bytes before the message.
    package var headerLength: Int {
        let length = adTag == nil ? Self.plainLength : Self.taggedLength
        // The word for the length is part of a tag's 28 bytes.
        return http.isEmpty ? length : length + http.count + (adTag == nil ? 4 : 0)
    }

    /// Writes the part before the message.
    ///
    /// - Parameters:
    ///   - isEncrypted: false for a message that `ClientMessage.judge` calls a handshake.
    ///   - destination: room for `headerLength` bytes.
    package func write(isEncrypted: Bool, wantsQuickAck: Bool, into destination: UnsafeMutableRawPointer) {
        var flags = flags
        if !isEncrypted { flags |= Flag.unencrypted }
        if wantsQuickAck { flags |= Flag.quickAck }
        destination.storeBytes(of: MiddleProxyType.proxyRequest.littleEndian, as: UInt32.self)
        destination.storeBytes(of: flags.littleEndian, toByteOffset: 4, as: UInt32.self)
        destination.storeBytes(of: connection.littleEndian, toByteOffset: 8, as: UInt64.self)
        Self.write(client, into: destination + 16)
        Self.write(proxy, into: destination + 36)
        guard headerLength > Self.plainLength else { return }
        let extraLength = UInt32(headerLength - Self.plainLength - 4)
        destination.storeBytes(of: extraLength.littleEndian, toByteOffset: 56, as: UInt32.self)
        (destination + headerLength - http.count).copyMemory(from: http, byteCount: http.count)
        guard let adTag else { return }
        destination.storeBytes(of: Self.adTagType.littleEndian, toByteOffset: 60, as: UInt32.self)
        destination.storeBytes(of: UInt8(Block16.count), toByteOffset: 64, as: UInt8.self)
        adTag.bytes.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(start: destination + 65, count: Block16.count).copyMemory(from: $0)
        }
        (destination + 81).initializeMemory(as: UInt8.self, repeating: 0, count: 3)
    }

    /// The flags that all requests of the connection have.
    private var flags: UInt32 {
        let tag = adTag == nil ? 0 : Flag.adTag
        guard http.isEmpty else { return Flag.always | Flag.http | tag }
        let kind =
            switch framing {
            case .abridged: Flag.abridged
            case .intermediate, .paddedIntermediate: Flag.intermediate
            }
        return Flag.always | Flag.obfuscated2 | kind | tag
    }

    /// Writes 20 bytes.
    private static func write(_ endpoint: Endpoint, into destination: UnsafeMutableRawPointer) {
        destination.storeBytes(of: endpoint.address.high.bigEndian, as: UInt64.self)
        destination.storeBytes(of: endpoint.address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        destination.storeBytes(of: UInt32(endpoint.port).littleEndian, toByteOffset: 16, as: UInt32.self)
    }
}
