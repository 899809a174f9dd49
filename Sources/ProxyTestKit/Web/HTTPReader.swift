import NIOCore

/// Reads HTTP/1.1 messages from a stream, one after another.
struct HTTPReader: Sendable {
    let stream: ByteStream
    /// Bytes behind the last message that was read.
    private(set) var buffer = ByteBuffer()
    /// Longest head taken, in bytes.
    private static let maximumHead = 16 << 10

    init(_ stream: ByteStream) {
        self.stream = stream
    }

    /// The text of the next head without its blank line, or nil when the stream ended before it began.
    mutating func nextHead() async throws -> String? {
        while true {
            if let end = endOfHead() {
                let head = buffer.readString(length: end) ?? ""
                buffer.moveReaderIndex(forwardBy: 4)
                return head
            }
            guard buffer.readableBytes < Self.maximumHead else { throw KitError.violation("an endless HTTP head") }
            guard var bytes = try await stream.read() else {
                guard buffer.readableBytes == 0 else {
                    throw KitError.truncated(wanted: 0, got: buffer.readableBytes, stream.ending)
                }
                return nil
            }
            buffer.writeBuffer(&bytes)
        }
    }

    /// The next request, or nil at the end of the stream.
    mutating func nextRequest() async throws -> HTTPRequest? {
        try await nextHead().map { try HTTPRequest(parsing: $0) }
    }

    /// Exactly `count` bytes of a body.
    mutating func body(_ count: Int) async throws -> ByteBuffer {
        while buffer.readableBytes < count {
            guard var bytes = try await stream.read() else {
                throw KitError.truncated(wanted: count, got: buffer.readableBytes, stream.ending)
            }
            buffer.writeBuffer(&bytes)
        }
        return buffer.readSlice(length: count) ?? ByteBuffer()
    }

    /// Everything up to the end of the stream.
    mutating func bodyToEnd() async throws -> ByteBuffer {
        var rest = try await stream.readToEnd()
        buffer.writeBuffer(&rest)
        defer { buffer.clear() }
        return buffer
    }

    private func endOfHead() -> Int? {
        let view = buffer.readableBytesView
        var index = view.startIndex
        while let carriage = view[index...].firstIndex(of: 0x0d) {
            if view[carriage...].starts(with: [0x0d, 0x0a, 0x0d, 0x0a]) { return carriage - view.startIndex }
            index = carriage + 1
        }
        return nil
    }
}

extension ByteStream {
    /// Sends an HTTP/1.1 response; Content-Length is added unless the status is 101.
    func writeResponse(
        _ status: Int,
        _ reason: String = "",
        fields: [HTTPField] = [],
        body: [UInt8] = []
    ) async throws {
        let length = status == 101 ? [] : [HTTPField("Content-Length", String(body.count))]
        var bytes = responseHead(status, reason, fields + length)
        bytes.writeBytes(body)
        try await write(bytes)
    }

    /// A response's head with its blank line.
    func responseHead(_ status: Int, _ reason: String = "", _ fields: [HTTPField]) -> ByteBuffer {
        var head = "HTTP/1.1 \(status) \(reason.isEmpty ? "Status \(status)" : reason)\r\n"
        for field in fields { head += "\(field.name): \(field.value)\r\n" }
        return ByteBuffer(string: head + "\r\n")
    }
}
