import MTProtoWire
import NIOCore
package import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A socket on which the kernel queues connections, whether or not somebody accepts them.
package struct ListeningSocket: Sendable, Equatable {
    /// Connections that the kernel holds until they are accepted.
    private static let backlog: Int32 = 4_096

    /// With the port that it has.
    package var place: ListenPlace
    package var descriptor: CInt
    /// A service manager made it: the file of a Unix socket stays whoever stops.
    package var isManaged: Bool

    package init(place: ListenPlace, descriptor: CInt, isManaged: Bool) {
        self.place = place
        self.descriptor = descriptor
        self.isManaged = isManaged
    }

    /// Takes a socket that was inherited.
    ///
    /// - Returns: nil when it is no listening TCP or Unix socket with a place.
    package init?(inherited descriptor: CInt) {
        guard Self.option(SO_ACCEPTCONN, of: descriptor) == 1, let place = Self.place(of: descriptor) else {
            return nil
        }
        self.init(place: place, descriptor: descriptor, isManaged: true)
    }

    /// Whether other sockets may listen on the same port.
    var sharesPort: Bool { (Self.option(SO_REUSEPORT, of: descriptor) ?? 0) != 0 }

    /// Other sockets of the same place accept on; this one's queue is lost when nobody else has it.
    func close() { sysClose(descriptor) }

    // MARK: Making

    /// - Parameters:
    ///   - port: 0: the system chooses.
    ///   - shares: whether other sockets of this account may have the same port.
    static func tcp(_ host: IPAddress, port: Int, shares: Bool) throws(ProxyError) -> ListeningSocket {
        let place = ListenPlace.tcp(host, port: port)
        guard let address = try? SocketAddress(ipAddress: host.description, port: port) else {
            throw ProxyError(errno: EADDRNOTAVAIL, place: place)
        }
        let file = try make(address, place)
        do throws(ProxyError) {
            try set(SOL_SOCKET, SO_REUSEADDR, 1, file, place)
            if shares { try set(SOL_SOCKET, SO_REUSEPORT, 1, file, place) }
            // Linux has this as a setting of the system: say what is meant.
            if !host.isIPv4 { try set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0, file, place) }
            try bind(file, address, place)
            try listen(file, place)
        } catch {
            sysClose(file)
            throw error
        }
        return ListeningSocket(place: self.place(of: file) ?? place, descriptor: file, isManaged: false)
    }

    static func unix(path: String, mode: UInt16) throws(ProxyError) -> ListeningSocket {
        let place = ListenPlace.unix(path: path, mode: mode)
        guard let address = try? SocketAddress(unixDomainSocketPath: path) else {
            throw ProxyError(errno: ENAMETOOLONG, place: place)
        }
        try removeStale(path, address, place)
        let file = try make(address, place)
        do throws(ProxyError) {
            try bind(file, address, place)
            guard chmod(path, mode_t(mode)) == 0 else { throw ProxyError(errno: errno, place: place) }
            try listen(file, place)
        } catch {
            sysClose(file)
            throw error
        }
        return ListeningSocket(place: place, descriptor: file, isManaged: false)
    }

    /// A socket on which nobody listens any more was left by a process that was killed.
    private static func removeStale(_ path: String, _ address: SocketAddress, _ place: ListenPlace) throws(ProxyError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK) else { throw ProxyError(errno: EEXIST, place: place) }
        let file = try make(address, place)
        defer { sysClose(file) }
        let result = address.withSockAddr { pointer, size in connect(file, pointer, socklen_t(size)) }
        guard result != 0, errno == ECONNREFUSED else { throw ProxyError(errno: EADDRINUSE, place: place) }
        unlink(path)
    }

    private static func make(_ address: SocketAddress, _ place: ListenPlace) throws(ProxyError) -> CInt {
        #if canImport(Glibc)
            let file = socket(address.protocol.rawValue, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let file = socket(address.protocol.rawValue, SOCK_STREAM, 0)
        #endif
        guard file >= 0 else { throw ProxyError(errno: errno, place: place) }
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        _ = fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK)
        return file
    }

    private static func set(
        _ level: Int32, _ name: Int32, _ value: Int32, _ file: CInt, _ place: ListenPlace
    ) throws(ProxyError) {
        var value = value
        guard setsockopt(file, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw ProxyError(errno: errno, place: place)
        }
    }

    private static func bind(_ file: CInt, _ address: SocketAddress, _ place: ListenPlace) throws(ProxyError) {
        let result = address.withSockAddr { pointer, size in sysBind(file, pointer, socklen_t(size)) }
        guard result == 0 else { throw ProxyError(errno: errno, place: place) }
    }

    private static func listen(_ file: CInt, _ place: ListenPlace) throws(ProxyError) {
        guard sysListen(file, backlog) == 0 else { throw ProxyError(errno: errno, place: place) }
    }

    // MARK: Looking

    private static func option(_ name: Int32, of file: CInt) -> Int32? {
        var (value, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        return getsockopt(file, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }

    private static func place(of file: CInt) -> ListenPlace? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(file, $0, &size) }
        }
        guard result == 0 else { return nil }
        return withUnsafeBytes(of: &storage) { bytes -> ListenPlace? in
            let port = Int(bytes[2]) << 8 | Int(bytes[3])
            switch Int32(bytes.load(as: sockaddr_storage.self).ss_family) {
            case AF_INET: return IPAddress(bytes: bytes[4..<8]).map { .tcp($0, port: port) }
            case AF_INET6: return IPAddress(bytes: bytes[8..<24]).map { .tcp($0, port: port) }
            case AF_UNIX:
                let path = bytes.prefix(Int(size)).dropFirst(2).prefix { $0 != 0 }
                return path.isEmpty ? nil : .unix(path: String(decoding: path, as: UTF8.self), mode: 0)
            default: return nil
            }
        }
    }
}

#if canImport(Glibc)
    private func sysClose(_ file: CInt) { _ = Glibc.close(file) }
    private func sysBind(_ file: CInt, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
        Glibc.bind(file, address, size)
    }
    private func sysListen(_ file: CInt, _ backlog: Int32) -> CInt { Glibc.listen(file, backlog) }
#elseif canImport(Musl)
    private func sysClose(_ file: CInt) { _ = Musl.close(file) }
    private func sysBind(_ file: CInt, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
        Musl.bind(file, address, size)
    }
    private func sysListen(_ file: CInt, _ backlog: Int32) -> CInt { Musl.listen(file, backlog) }
#else
    private func sysClose(_ file: CInt) { _ = Darwin.close(file) }
    private func sysBind(_ file: CInt, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
        Darwin.bind(file, address, size)
    }
    private func sysListen(_ file: CInt, _ backlog: Int32) -> CInt { Darwin.listen(file, backlog) }
#endif
