import Crypto

/// The keys of one link, from what both sides know after the exchange of nonces.
package struct MiddleProxyKeys: Sendable {
    /// What goes into the keys.
    package struct Material: Sendable {
        package var serverNonce: Block16
        package var clientNonce: Block16
        /// The proxy's Unix time, as it stood in its nonce frame.
        package var clientTime: UInt32
        /// The middle proxy's end of the connection.
        package var server: Endpoint
        /// The proxy's end as the middle proxy sees it: behind a NAT the public address.
        package var client: Endpoint
        package var secret: MiddleProxySecret
        /// g^ab of schema 3, 256 bytes, big endian; nil for schema 1.
        package var sharedSecret: [UInt8]?

        package init(
            serverNonce: Block16, clientNonce: Block16, clientTime: UInt32, server: Endpoint, client: Endpoint,
            secret: MiddleProxySecret, sharedSecret: [UInt8]? = nil
        ) {
            self.serverNonce = serverNonce
            self.clientNonce = clientNonce
            self.clientTime = clientTime
            self.server = server
            self.client = client
            self.secret = secret
            self.sharedSecret = sharedSecret
        }
    }

    /// Which side writes with a key; the raw value is the word that tells the two keys apart.
    package enum Writer: String, Sendable {
        case proxy = "CLIENT"
        case middleProxy = "SERVER"
    }

    /// The proxy writes with `write` and reads with `read`; a middle proxy the other way round.
    ///
    /// Both endpoints have to be of one address family; the server's decides.
    package static func derive(_ material: Material) -> (write: CBCKey, read: CBCKey) {
        (write: key(of: prekey(material, writer: .proxy)), read: key(of: prekey(material, writer: .middleProxy)))
    }

    /// The bytes that are hashed into one direction's key.
    ///
    /// Shape: server nonce (16), client nonce (16), client time (4), server IPv4 (4), client port (2), writer (6),
    /// client IPv4 (4), server port (2), secret, server nonce (16), for IPv6 alone client and server address (16 each,
    /// network order), client nonce (16). Numbers are little endian, so IPv4 addresses stand reversed; over IPv6 they
    /// are 0. With Diffie-Hellman the shared secret is XORed over all that, and what is left of it stands behind.
    package static func prekey(_ material: Material, writer: Writer) -> [UInt8] {
        let isIPv6 = material.server.address.isIPv6
        var bytes = material.serverNonce.bytes + material.clientNonce.bytes
        bytes += littleEndian(material.clientTime)
        bytes += littleEndian(isIPv6 ? 0 : material.server.address.v4 ?? 0)
        bytes += littleEndian(material.client.port)
        bytes += Array(writer.rawValue.utf8)
        bytes += littleEndian(isIPv6 ? 0 : material.client.address.v4 ?? 0)
        bytes += littleEndian(material.server.port)
        bytes += material.secret.bytes
        bytes += material.serverNonce.bytes
        if isIPv6 {
            bytes += material.client.address.bytes + material.server.address.bytes
        }
        bytes += material.clientNonce.bytes
        guard let sharedSecret = material.sharedSecret else { return bytes }
        // XORing the writer's name in before or after makes no difference, so both directions are made alike.
        let mixed = zip(bytes, sharedSecret).map { $0 ^ $1 }
        return mixed + bytes.dropFirst(mixed.count) + sharedSecret.dropFirst(mixed.count)
    }

    /// Key: 12 bytes of MD5 over all but the first byte, 20 bytes of SHA-1 over everything. IV: MD5 over all but the
    /// first two. The hashes are the protocol's; nothing here rests on their resistance to collisions.
    private static func key(of prekey: [UInt8]) -> CBCKey {
        let key =
            Array(Insecure.MD5.hash(data: prekey.dropFirst(1))).prefix(12) + Array(Insecure.SHA1.hash(data: prekey))
        let iv = Array(Insecure.MD5.hash(data: prekey.dropFirst(2)))
        return CBCKey(
            key: key.withUnsafeBytes { Block32(copying: $0) }, iv: iv.withUnsafeBytes { Block16(copying: $0) })
    }

    private static func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}
