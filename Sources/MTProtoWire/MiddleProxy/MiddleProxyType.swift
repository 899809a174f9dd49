/// The first word of a middle proxy's messages, which says what they are; little endian on the wire.
///
/// Source: observed on links of Telegram's own proxy.
package enum MiddleProxyType {
    /// The first frame of either side: sequence -2, in clear.
    package static let nonce: UInt32 = 0x7acb_87aa
    /// The second frame of either side: sequence -1, the first encrypted one.
    package static let handshake: UInt32 = 0x7682_eef5
    /// Instead of an answer to the handshake: type, code (`Int32`), the sender's process (12 bytes).
    package static let handshakeError: UInt32 = 0x6a27_beda
    /// Type and an id of 8 bytes, which comes back in a pong.
    package static let ping: UInt32 = 0x5730_a2df
    package static let pong: UInt32 = 0x8430_eaa7
    /// A client's packet, on its way to Telegram.
    package static let proxyRequest: UInt32 = 0x36ce_f1ee
    /// A packet for a client.
    package static let proxyAnswer: UInt32 = 0x4403_da0d
    /// A quick acknowledgement for a client.
    package static let simpleAck: UInt32 = 0x3bac_409b
    /// From the middle proxy: that client is to be closed.
    package static let closeExternal: UInt32 = 0x5eb6_34a2
    /// From the proxy: that client is gone.
    package static let closeConnection: UInt32 = 0x1fcf_425d
}
