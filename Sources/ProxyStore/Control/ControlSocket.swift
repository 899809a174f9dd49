#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Unix sockets as system calls: making the listening one, and reaching it.
enum ControlSocket {
    /// How a connection attempt ended.
    enum Reach {
        case connected(Int32)
        /// Nobody listens: no socket, or the one of a process that is gone.
        case nobody
        case failed(Int32)
    }

    /// The longest path that fits an address, in bytes.
    static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    static func checkLength(_ path: String) throws(StoreError) {
        guard path.utf8.count <= longestPath else {
            throw StoreError(
                .unusable, "\(path) is too long for a socket: \(path.utf8.count) bytes, and \(longestPath) fit",
                hint: "give a directory with a shorter path with --state-dir"
            )
        }
    }

    static func connect(_ path: String) -> Reach {
        let file = makeSocket()
        guard file >= 0 else { return .failed(errno) }
        let result = withAddress(path) { address, length in
            #if canImport(Glibc)
                Glibc.connect(file, address, length)
            #elseif canImport(Musl)
                Musl.connect(file, address, length)
            #else
                Darwin.connect(file, address, length)
            #endif
        }
        if result == 0 { return .connected(file) }
        let number = errno
        close(file)
        return number == ENOENT || number == ECONNREFUSED ? .nobody : .failed(number)
    }

    /// A bound socket at a path, open to this account alone, in place of one that nobody listens on any more.
    ///
    /// It is made beside its place and moved there, so that it is never seen open to others or half ready.
    static func bind(_ files: StateFiles) throws(StoreError) -> Int32 {
        let (path, draft) = (files.socket, "\(files.socket)~")
        try checkLength(draft)
        try files.makeDirectory()
        // Two processes that start at once take their turns.
        let turn = open(files.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard turn >= 0 else { throw .system("\(files.directory) cannot be opened") }
        defer { close(turn) }
        while flock(turn, LOCK_EX) != 0 {
            guard errno == EINTR else { throw .system("\(files.directory) cannot be locked") }
        }
        if case .connected(let other) = connect(path) {
            close(other)
            throw StoreError(
                .inUse, "another server listens on \(path)",
                hint: "stop it, or give another directory with --state-dir"
            )
        }
        let file = try make(draft)
        guard rename(draft, path) == 0 else {
            let number = errno
            close(file)
            unlink(draft)
            throw .system("\(path) cannot be made", number: number)
        }
        return file
    }

    /// A listening socket, open to this account alone, in place of a file of that name.
    static func make(_ path: String) throws(StoreError) -> Int32 {
        try checkLength(path)
        unlink(path)
        let file = makeSocket()
        guard file >= 0 else { throw .system("a socket cannot be made") }
        guard bindAddress(file, path) == 0, chmod(path, 0o600) == 0, listen(file, 16) == 0 else {
            let number = errno
            close(file)
            unlink(path)
            throw .system("\(path) cannot be made", number: number)
        }
        return file
    }

    /// Removes the socket file, if nobody listens on it.
    static func remove(_ path: String) {
        switch connect(path) {
        case .connected(let other): close(other)
        case .nobody: unlink(path)
        case .failed: break
        }
    }

    private static func makeSocket() -> Int32 {
        // In one step where that is possible: a program that is started in between would keep the socket open.
        #if canImport(Glibc)
            let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        #elseif canImport(Musl)
            let file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
        #else
            let file = socket(AF_UNIX, SOCK_STREAM, 0)
            if file >= 0 { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
        #endif
        #if canImport(Darwin)
            var isOn: Int32 = 1
            setsockopt(file, SOL_SOCKET, SO_NOSIGPIPE, &isOn, socklen_t(MemoryLayout<Int32>.size))
        #endif
        return file
    }

    private static func bindAddress(_ file: Int32, _ path: String) -> Int32 {
        withAddress(path) { address, length in
            #if canImport(Glibc)
                Glibc.bind(file, address, length)
            #elseif canImport(Musl)
                Musl.bind(file, address, length)
            #else
                Darwin.bind(file, address, length)
            #endif
        }
    }

    /// The path is cut where it does not fit; ``checkLength(_:)`` comes before.
    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(longestPath)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
