package import NIOCore

/// What carries an obfuscated2 session to a data center: a TCP connection or a WebSocket.
package protocol SessionTransport: Sendable {
    /// Whether `readChunk` gives messages, of which each should be one packet.
    var keepsMessages: Bool { get }
    /// What the connection looks like from outside: empty for TCP, the Host header for a WebSocket.
    var host: String { get }
    /// The other side's address as text.
    var peer: String { get }
    /// The next bytes or message; nil at the end.
    func readChunk() async throws -> ByteBuffer?
    /// Sends bytes, or one message.
    func writeChunk(_ bytes: ByteBuffer) async throws
    /// Says that nothing more will come, and goes on reading where the transport can.
    func finishWriting() async throws
    /// Ends the connection with a RST.
    func reset() async
    /// While paused nothing is taken from the socket.
    func setReading(paused: Bool)
}

extension ByteStream: SessionTransport {
    package var keepsMessages: Bool { false }
    package var host: String { "" }
    package var peer: String { remoteAddress?.description ?? "" }

    package func readChunk() async throws -> ByteBuffer? {
        try await read()
    }

    package func writeChunk(_ bytes: ByteBuffer) async throws {
        try await write(bytes)
    }

    package func finishWriting() async throws {
        try await halfClose()
    }
}
