#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A failed system call, in words.
struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    let number: Int32

    init(_ number: Int32) {
        self.number = number
    }

    /// The error of the call that just failed on this thread.
    static var last: SystemError { SystemError(errno) }

    var description: String { String(cString: strerror(number)) }
}

/// Reads whole files that are small by nature.
enum FileText {
    /// Why a file could not be read as text.
    enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
        case system(SystemError)
        case tooLong(Int)
        case notText

        var description: String {
            switch self {
            case .system(let error): error.description
            case .tooLong(let limit): "it is longer than \(limit >> 10) KiB"
            case .notText: "it is not UTF-8 text"
            }
        }
    }

    /// The text of a file of at most `limit` bytes.
    static func read(_ path: String, limit: Int) -> Result<String, Failure> {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return .failure(.system(.last)) }
        defer { close(file) }
        return readAll(file, limit: limit)
    }

    /// What is left to read from an open file.
    static func readAll(_ file: Int32, limit: Int) -> Result<String, Failure> {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            var failure: SystemError?
            let chunk = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                var result = Int(-1)
                repeat { result = Self.read(file, buffer) } while result < 0 && errno == EINTR
                if result < 0 { failure = .last }
                count = max(result, 0)
            }
            if let failure { return .failure(.system(failure)) }
            if chunk.isEmpty {
                guard let text = String(validating: bytes, as: UTF8.self) else { return .failure(.notText) }
                return .success(text)
            }
            bytes += chunk
        }
        return .failure(.tooLong(limit))
    }

    private static func read(_ file: Int32, _ buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        #if canImport(Glibc)
            Glibc.read(file, buffer.baseAddress, buffer.count)
        #elseif canImport(Musl)
            Musl.read(file, buffer.baseAddress, buffer.count)
        #else
            Darwin.read(file, buffer.baseAddress, buffer.count)
        #endif
    }
}

/// Writes bytes to open files.
enum FileOutput {
    /// Writes everything, also when the system takes it in parts or says "later".
    static func write(_ bytes: ArraySlice<UInt8>, to file: Int32) -> Result<Void, SystemError> {
        var rest = bytes
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { sysWrite(file, $0) }
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                var interest = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
                _ = poll(&interest, 1, -1)
            } else if errno != EINTR {
                return .failure(.last)
            }
        }
        return .success(())
    }

    /// Writes text to stdout or stderr; nobody can be told when that fails.
    static func print(_ text: String, to file: Int32 = STDOUT_FILENO) {
        _ = write(Array((text + "\n").utf8)[...], to: file)
    }

    private static func sysWrite(_ file: Int32, _ buffer: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(file, buffer.baseAddress, buffer.count)
        #elseif canImport(Musl)
            Musl.write(file, buffer.baseAddress, buffer.count)
        #else
            Darwin.write(file, buffer.baseAddress, buffer.count)
        #endif
    }
}
