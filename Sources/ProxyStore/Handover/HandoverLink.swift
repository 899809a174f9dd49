#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One end of the private connection between two processes of one state directory. Its calls block, each with a limit:
/// for threads of their own.
///
/// One thread uses it at a time.
package final class HandoverLink: @unchecked Sendable {
    // Unchecked: whoever holds it makes one call after the other; only `file`, a constant, is used by several threads.

    /// Descriptors in one message; Linux takes 253.
    private static let descriptorsPart = 64
    /// Descriptors that may arrive unasked before the connection is given up: sockets of all places and event loops.
    package static let maximumDescriptors = 1_024

    private let file: Int32
    private var received: [UInt8] = []
    private var descriptors: [Int32] = []

    /// Takes a connected Unix socket.
    ///
    /// - Throws: when the other end belongs to another account.
    init(connected file: Int32, trusting accounts: Set<UInt32>) throws(HandoverError) {
        guard let account = PeerAccount.of(file), accounts.contains(account) else {
            close(file)
            throw HandoverError("the process at the other end belongs to another account")
        }
        self.file = file
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
        close(file)
    }

    /// Ends the connection; calls that wait return. May be called from any thread.
    package func shutDown() {
        shutdown(file, Int32(SHUT_RDWR))
    }

    // MARK: Sending

    /// - Parameters:
    ///   - milliseconds: how long it may take.
    ///   - descriptors: go along; the other process gets its own.
    package func send(
        _ message: HandoverMessage, descriptors: [Int32] = [], within milliseconds: Int
    ) throws(HandoverError) {
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        try send(message.encoded, Array(descriptors.prefix(Self.descriptorsPart)), end)
        var rest = descriptors.dropFirst(Self.descriptorsPart)
        while !rest.isEmpty {
            try send(HandoverMessage.sockets.encoded, Array(rest.prefix(Self.descriptorsPart)), end)
            rest = rest.dropFirst(Self.descriptorsPart)
        }
    }

    private func send(
        _ bytes: [UInt8], _ descriptors: [Int32], _ end: ContinuousClock.Instant
    ) throws(HandoverError) {
        var rest = bytes[...]
        var attached = descriptors
        while !rest.isEmpty {
            try wait(for: POLLOUT, until: end)
            let count = DescriptorMessage.send(rest, attached, to: file)
            if count > 0 {
                rest = rest.dropFirst(count)
                attached = []
            } else if errno != EAGAIN, errno != EINTR {
                throw HandoverError("the other process is gone (\(String(cString: strerror(errno))))")
            }
        }
    }

    // MARK: Receiving

    /// The next message; nil when the other process has ended the connection.
    package func receive(within milliseconds: Int) throws(HandoverError) -> HandoverMessage? {
        try receive(until: ContinuousClock.now + .milliseconds(milliseconds))
    }

    /// The next message, however long it takes; nil when the connection has ended.
    package func receive() throws(HandoverError) -> HandoverMessage? {
        try receive(until: nil)
    }

    private func receive(until end: ContinuousClock.Instant?) throws(HandoverError) -> HandoverMessage? {
        while true {
            if let message = try HandoverMessage.take(from: &received) { return message }
            try wait(for: POLLIN, until: end)
            guard let count = DescriptorMessage.receive(from: file, into: &received, &descriptors) else {
                if errno == EAGAIN || errno == EINTR { continue }
                throw HandoverError("the other process is gone (\(String(cString: strerror(errno))))")
            }
            guard descriptors.count <= Self.maximumDescriptors else {
                throw HandoverError("more than \(Self.maximumDescriptors) sockets")
            }
            if count == 0 { return nil }
        }
    }

    /// Descriptors that came with messages so far, in their order; they belong to the caller then.
    package func takeDescriptors() -> [Int32] {
        defer { descriptors = [] }
        return descriptors
    }

    private func wait(for event: Int32, until end: ContinuousClock.Instant?) throws(HandoverError) {
        while true {
            var milliseconds: Int64 = -1
            if let end {
                let left = ContinuousClock.now.duration(to: end).components
                milliseconds = left.seconds * 1_000 + left.attoseconds / 1_000_000_000_000_000
                guard milliseconds > 0 else { throw HandoverError("the other process does not answer in time") }
            }
            var interest = pollfd(fd: file, events: Int16(event), revents: 0)
            if poll(&interest, 1, Int32(clamping: milliseconds)) > 0 { return }
        }
    }
}

/// Where the process that takes over waits for the one before it.
package final class HandoverPlace: Sendable {
    private let file: Int32
    private let path: String
    private let accounts: Set<UInt32>

    /// - Parameter directory: the state directory, absolute.
    package init(directory: String) throws(StoreError) {
        let files = StateFiles(directory: directory)
        try files.makeDirectory()
        path = files.handoverSocket(of: getpid())
        file = try ControlSocket.make(path)
        accounts = PeerAccount.trusted(directory)
        // A server that gave up its privileges has to reach a successor that has not yet done so.
        if let owner = PeerAccount.owner(of: directory), owner != geteuid() { _ = chown(path, owner, gid_t.max) }
    }

    deinit {
        close(file)
        unlink(path)
    }

    /// Waits for the one that was asked to come.
    package func accept(within milliseconds: Int) throws(HandoverError) -> HandoverLink {
        var interest = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
        guard poll(&interest, 1, Int32(clamping: milliseconds)) > 0 else {
            throw HandoverError("the running server does not come to hand over")
        }
        let link = systemAccept(file)
        guard link >= 0 else { throw HandoverError(String(cString: strerror(errno))) }
        _ = fcntl(link, F_SETFD, FD_CLOEXEC)
        return try HandoverLink(connected: link, trusting: accounts)
    }

    /// Goes to a process that waits.
    package static func connect(directory: String, process: Int32) throws(HandoverError) -> HandoverLink {
        let path = StateFiles(directory: directory).handoverSocket(of: process)
        switch ControlSocket.connect(path) {
        case .connected(let file):
            return try HandoverLink(connected: file, trusting: PeerAccount.trusted(directory))
        case .nobody: throw HandoverError("process \(process) does not wait on \(path)")
        case .failed(let number):
            throw HandoverError("\(path) cannot be connected: \(String(cString: strerror(number)))")
        }
    }

    private func systemAccept(_ file: Int32) -> Int32 {
        #if canImport(Glibc)
            Glibc.accept(file, nil, nil)
        #elseif canImport(Musl)
            Musl.accept(file, nil, nil)
        #else
            Darwin.accept(file, nil, nil)
        #endif
    }
}

/// To whom processes belong.
private enum PeerAccount {
    /// The accounts that may hand over or take over: this one, the directory's owner, and root.
    static func trusted(_ directory: String) -> Set<UInt32> {
        Set([geteuid(), 0] + [owner(of: directory)].compactMap { $0 })
    }

    static func owner(of directory: String) -> UInt32? {
        var status = stat()
        return stat(directory, &status) == 0 ? status.st_uid : nil
    }

    /// The account at the other end of a Unix socket.
    static func of(_ file: Int32) -> UInt32? {
        #if canImport(Darwin)
            var (user, group) = (uid_t(), gid_t())
            return getpeereid(file, &user, &group) == 0 ? user : nil
        #else
            // struct ucred: process, user, group; 32 bits each.
            var peer: [UInt32] = [0, .max, .max]
            var size = socklen_t(peer.count * MemoryLayout<UInt32>.size)
            return getsockopt(file, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer[1] : nil
        #endif
    }
}
