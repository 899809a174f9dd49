package import NIOCore

/// How bytes are handed to the socket: each piece is a TCP segment of its own (TCP_NODELAY is on).
package enum SegmentPlan: Sendable, Equatable {
    /// In one piece.
    case whole
    /// Pieces of these sizes, the rest in one more.
    case sizes([Int])
    /// Pieces of this size, the last one shorter.
    case every(Int)

    /// One byte at a time.
    package static let singleBytes = SegmentPlan.every(1)

    func pieces(of bytes: ByteBuffer) -> [ByteBuffer] {
        var rest = bytes
        var sizes: [Int] =
            switch self {
            case .whole: []
            case .sizes(let sizes): sizes
            case .every(let size): Array(repeating: size, count: bytes.readableBytes / max(1, size))
            }
        sizes.append(bytes.readableBytes)
        var pieces: [ByteBuffer] = []
        for size in sizes {
            let count = min(max(1, size), rest.readableBytes)
            guard count > 0, let piece = rest.readSlice(length: count) else { break }
            pieces.append(piece)
        }
        return pieces
    }
}

extension ByteStream {
    /// Sends bytes piece by piece, with a pause between the pieces so that the reader meets them one by one.
    package func write(
        _ bytes: ByteBuffer,
        segments: SegmentPlan,
        pause: Duration = .microseconds(300),
        within limit: Duration? = nil
    ) async throws {
        let pieces = segments.pieces(of: bytes)
        for (index, piece) in pieces.enumerated() {
            if index > 0, pause > .zero { try await Task.sleep(for: pause) }
            try await write(piece, within: limit)
        }
    }
}
