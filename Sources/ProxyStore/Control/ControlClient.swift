#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Asks a running server. Its calls block: for programs that do nothing else meanwhile.
package struct ControlClient: Sendable {
    private let path: String
    private let timeoutMilliseconds: Int

    /// Answers are longer than requests: a list of all users with their usage.
    private static let longestAnswer = 256 << 20

    package init(directory: String, timeoutMilliseconds: Int = 15_000) {
        path = StateFiles(directory: directory).socket
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    /// The answer; nil when no server runs.
    package func ask(_ request: ControlRequest) throws(StoreError) -> ControlReply? {
        // A path that no server could have listened on.
        guard path.utf8.count <= ControlSocket.longestPath else { return nil }
        let file: Int32
        switch ControlSocket.connect(path) {
        case .connected(let socket): file = socket
        case .nobody: return nil
        case .failed(let number):
            throw StoreError(
                .unusable, "\(path) cannot be connected: \(String(cString: strerror(number)))",
                hint: "use the account that the server runs as"
            )
        }
        defer { close(file) }
        let deadline = ContinuousClock.now + .milliseconds(timeoutMilliseconds)
        try send(ControlLine.encode(request), to: file, deadline)
        let line = try receive(from: file, deadline)
        guard let reply = try? JSONDecoder().decode(ControlReply.self, from: Data(line)) else {
            throw trouble("gave an answer that cannot be read")
        }
        return reply
    }

    private func send(_ bytes: [UInt8], to file: Int32, _ deadline: ContinuousClock.Instant) throws(StoreError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            try wait(file, for: POLLOUT, deadline)
            let count = rest.withUnsafeBytes { bytes in
                #if canImport(Darwin)
                    Darwin.send(file, bytes.baseAddress, bytes.count, MSG_DONTWAIT)
                #elseif canImport(Musl)
                    Musl.send(file, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
                #else
                    Glibc.send(
                        file, bytes.baseAddress, bytes.count,
                        Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
                #endif
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EAGAIN, errno != EINTR {
                // It may have said why before it closed: the answer is read next.
                return
            }
        }
    }

    private func receive(from file: Int32, _ deadline: ContinuousClock.Instant) throws(StoreError) -> ArraySlice<UInt8>
    {
        var line: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while line.count <= Self.longestAnswer {
            try wait(file, for: POLLIN, deadline)
            let count = recv(file, &chunk, chunk.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw trouble("closed the connection without an answer") }
            if let end = chunk[..<count].firstIndex(of: UInt8(ascii: "\n")) {
                return (line + chunk[..<end])[...]
            }
            line += chunk[..<count]
        }
        throw trouble("gave an answer that is too long")
    }

    private func wait(_ file: Int32, for event: Int32, _ deadline: ContinuousClock.Instant) throws(StoreError) {
        while true {
            let left = ContinuousClock.now.duration(to: deadline).components
            let milliseconds = left.seconds * 1_000 + left.attoseconds / 1_000_000_000_000_000
            guard milliseconds > 0 else { throw trouble("gives no answer") }
            var interest = pollfd(fd: file, events: Int16(event), revents: 0)
            if poll(&interest, 1, Int32(clamping: milliseconds)) > 0 { return }
        }
    }

    private func trouble(_ problem: String) -> StoreError {
        StoreError(
            .unusable, "the server on \(path) \(problem)", hint: "look at its log, and whether it is overloaded")
    }
}
