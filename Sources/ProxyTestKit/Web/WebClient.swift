package import NIOCore

/// An HTTP response as it came.
package struct HTTPResponse: Sendable, Equatable {
    package var status: Int
    package var fields: [HTTPField]
    package var body: [UInt8]

    /// The value of the first header with this name, whatever its case.
    package subscript(_ name: String) -> String? {
        fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// A small HTTP/1.1 client on a stream, for what strangers and browsers ask.
package struct WebClient: Sendable {
    /// The connection.
    package let stream: ByteStream
    private var reader: HTTPReader
    /// What has come behind the last response.
    package var unread: ByteBuffer { reader.buffer }

    package init(_ stream: ByteStream) {
        self.stream = stream
        reader = HTTPReader(stream)
    }

    /// Sends a request and reads its response; the connection stays open.
    package mutating func request(
        _ method: String = "GET",
        _ target: String = "/",
        host: String,
        fields: [HTTPField] = [],
        body: [UInt8] = [],
        within limit: Duration = .seconds(60)
    ) async throws -> HTTPResponse {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n"
        for field in fields { head += "\(field.name): \(field.value)\r\n" }
        if !body.isEmpty { head += "Content-Length: \(body.count)\r\n" }
        var bytes = ByteBuffer(string: head + "\r\n")
        bytes.writeBytes(body)
        try await stream.write(bytes, within: limit)
        return try await readResponse()
    }

    /// Reads one response.
    package mutating func readResponse() async throws -> HTTPResponse {
        guard let text = try await reader.nextHead() else { throw KitError.ended(stream.ending) }
        // A status line has the shape of a request line but for the order of its words.
        let line = text.split(separator: "\r\n", maxSplits: 1)
        let words = (line.first ?? "").split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw KitError.violation("not a status line: \(text.prefix(80))")
        }
        let rest = line.count > 1 ? "\r\n" + line[1] : ""
        let fields = try HTTPRequest(parsing: "GET / HTTP/1.1" + rest).fields
        var response = HTTPResponse(status: status, fields: fields, body: [])
        if let length = response["Content-Length"].flatMap({ Int($0) }) {
            response.body = Array(buffer: try await reader.body(length))
        } else if status != 101 {
            response.body = Array(buffer: try await reader.bodyToEnd())
        }
        return response
    }
}
