import Crypto
package import MTProtoWire

/// Key (32 bytes) and first chaining block (16 bytes) of one direction of a link.
package struct LinkKeys: Sendable, Equatable {
    package var key: [UInt8]
    package var iv: [UInt8]
}

/// What both ends of a link make its keys of.
///
/// S = server nonce ‖ client nonce ‖ client's time ‖ server's IPv4 ‖ client's port ‖ "CLIENT" or "SERVER" ‖ client's IPv4
/// ‖ server's port ‖ secret ‖ server nonce ‖ on IPv6 both addresses, client's first ‖ client nonce. Numbers are little
/// endian; IPv4 addresses are reversed, and zero on IPv6, whose addresses are in network order. Then
/// key = MD5(S without its first byte)[0..<12] ‖ SHA-1(S), IV = MD5(S without its first two bytes).
package struct LinkKeyMaterial: Sendable {
    /// Who writes with a key.
    package enum Side: String, Sendable {
        /// The proxy.
        case client = "CLIENT"
        /// The middle proxy.
        case server = "SERVER"
    }

    /// 16 bytes.
    package var serverNonce: [UInt8]
    /// 16 bytes.
    package var clientNonce: [UInt8]
    /// The Unix time that the proxy sent.
    package var clientTime: UInt32
    package var server: Endpoint
    package var client: Endpoint
    /// Content of proxy-secret.
    package var secret: [UInt8]
    /// What Diffie-Hellman gave, 256 bytes; empty without.
    package var shared: [UInt8] = []

    package init(
        serverNonce: [UInt8], clientNonce: [UInt8], clientTime: UInt32, server: Endpoint, client: Endpoint,
        secret: [UInt8], shared: [UInt8] = []
    ) {
        (self.serverNonce, self.clientNonce, self.clientTime) = (serverNonce, clientNonce, clientTime)
        (self.server, self.client, self.secret, self.shared) = (server, client, secret, shared)
    }

    /// The string that is hashed.
    package func prekey(_ side: Side) -> [UInt8] {
        let isIPv4 = server.address.isIPv4
        let nobody: [UInt8] = [0, 0, 0, 0]
        var text = serverNonce + clientNonce + bytesOf(clientTime)
        text += isIPv4 ? server.address.bytes.reversed() : nobody
        text += bytesOf(client.port) + Array(side.rawValue.utf8)
        text += isIPv4 ? client.address.bytes.reversed() : nobody
        text += bytesOf(server.port) + secret + serverNonce
        if !isIPv4 { text += client.address.bytes + server.address.bytes }
        text += clientNonce
        for (index, byte) in shared.enumerated() {
            if index < text.count { text[index] ^= byte } else { text.append(byte) }
        }
        return text
    }

    /// The keys of what `side` writes.
    package func keys(_ side: Side) -> LinkKeys {
        let text = prekey(side)
        let key = Array(Insecure.MD5.hash(data: text.dropFirst())).prefix(12) + Array(Insecure.SHA1.hash(data: text))
        return LinkKeys(key: Array(key), iv: Array(Insecure.MD5.hash(data: text.dropFirst(2))))
    }
}
