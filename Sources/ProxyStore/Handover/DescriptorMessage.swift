#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Bytes and descriptors through a Unix socket (SCM_RIGHTS, unix(7)). One system call each.
enum DescriptorMessage {
    /// Linux counts the header in words of 8 bytes, Darwin in 4 (the macros of sys/socket.h, which Swift does not see).
    #if canImport(Darwin)
        private static let word = 4
    #else
        private static let word = MemoryLayout<Int>.size
    #endif
    private static let header = rounded(MemoryLayout<cmsghdr>.size)
    /// What may arrive with one read, in bytes: 253 descriptors, which is all that Linux sends at once.
    private static let space = header + rounded(253 * 4)
    private static let chunk = 64 << 10

    private static func rounded(_ bytes: Int) -> Int { (bytes + word - 1) / word * word }

    /// - Returns: bytes sent, or a negative number with `errno`.
    static func send(_ bytes: ArraySlice<UInt8>, _ descriptors: [Int32], to file: Int32) -> Int {
        var control = [UInt8](repeating: 0, count: descriptors.isEmpty ? 0 : header + rounded(descriptors.count * 4))
        return bytes.withUnsafeBytes { bytes in
            control.withUnsafeMutableBytes { control in
                var message = msghdr()
                if !descriptors.isEmpty {
                    var head = cmsghdr()
                    head.cmsg_len = .init(header + descriptors.count * 4)
                    head.cmsg_level = SOL_SOCKET
                    head.cmsg_type = rights
                    control.storeBytes(of: head, as: cmsghdr.self)
                    for (index, descriptor) in descriptors.enumerated() {
                        control.storeBytes(of: descriptor, toByteOffset: header + index * 4, as: Int32.self)
                    }
                    message.msg_control = control.baseAddress
                    message.msg_controllen = .init(control.count)
                }
                var part = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &part) { part in
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    return sendmsg(file, &message, sendFlags)
                }
            }
        }
    }

    /// Appends what has arrived. Descriptors are closed to programs that are started.
    ///
    /// - Returns: bytes received; 0 at the end; nil with `errno`.
    static func receive(from file: Int32, into bytes: inout [UInt8], _ descriptors: inout [Int32]) -> Int? {
        var buffer = [UInt8](repeating: 0, count: chunk)
        var control = [UInt8](repeating: 0, count: space)
        var found: [Int32] = []
        let count = buffer.withUnsafeMutableBytes { buffer in
            control.withUnsafeMutableBytes { control in
                var part = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
                return withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = .init(control.count)
                    let count = recvmsg(file, &message, receiveFlags)
                    if count >= 0 {
                        found = self.descriptors(
                            in: UnsafeRawBufferPointer(rebasing: control.prefix(Int(message.msg_controllen))))
                    }
                    return count
                }
            }
        }
        guard count >= 0 else { return nil }
        for descriptor in found { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        descriptors += found
        bytes += buffer[..<count]
        return count
    }

    private static func descriptors(in control: UnsafeRawBufferPointer) -> [Int32] {
        var result: [Int32] = []
        var offset = 0
        while offset + header <= control.count {
            let head = control.loadUnaligned(fromByteOffset: offset, as: cmsghdr.self)
            let length = Int(head.cmsg_len)
            guard length >= header, offset + length <= control.count else { break }
            if head.cmsg_level == SOL_SOCKET, head.cmsg_type == rights {
                for place in stride(from: offset + header, to: offset + length - 3, by: 4) {
                    result.append(control.loadUnaligned(fromByteOffset: place, as: Int32.self))
                }
            }
            offset += rounded(length)
        }
        return result
    }

    private static let rights = Int32(SCM_RIGHTS)
    #if canImport(Darwin)
        private static let sendFlags = Int32(MSG_DONTWAIT)
        private static let receiveFlags = Int32(MSG_DONTWAIT)
    #else
        private static let sendFlags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        private static let receiveFlags = Int32(MSG_DONTWAIT) | Int32(MSG_CMSG_CLOEXEC)
    #endif
}
