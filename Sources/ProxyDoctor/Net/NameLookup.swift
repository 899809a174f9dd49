import MTProtoWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The system's resolver, asked for all addresses of a name.
enum NameLookup {
    enum Outcome: Sendable, Equatable {
        case found([IPAddress])
        /// The resolver says that there is no such name, or that it has no address.
        case noSuchName
        /// The resolver has no answer, or there is none within the time.
        case noAnswer
    }

    static func find(_ name: String, within limit: Duration) async -> Outcome {
        if let address = IPAddress(name) { return .found([address]) }
        // On a thread of its own: the call cannot be interrupted, and may wait for a resolver that is not there.
        return await within(limit) {
            await withCheckedContinuation { continuation in
                BackgroundThread.run { continuation.resume(returning: ask(name)) }
            }
        } ?? .noAnswer
    }

    private static func ask(_ name: String) -> Outcome {
        var hints = addrinfo()
        #if canImport(Glibc)
            hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(name, nil, &hints, &list)
        // What is no trouble of the resolver's means that it knows no address.
        guard code == 0 else { return [EAI_AGAIN, EAI_FAIL, EAI_SYSTEM].contains(code) ? .noAnswer : .noSuchName }
        defer { freeaddrinfo(list) }
        var addresses: [IPAddress] = []
        var next = list
        while let entry = next {
            if let address = address(of: entry.pointee), !addresses.contains(address) { addresses.append(address) }
            next = entry.pointee.ai_next
        }
        return addresses.isEmpty ? .noSuchName : .found(addresses)
    }

    private static func address(of entry: addrinfo) -> IPAddress? {
        guard let start = entry.ai_addr else { return nil }
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(entry.ai_addrlen))
        // The layouts of sockaddr_in (address at offset 4) and sockaddr_in6 (at 8) are the same everywhere.
        switch entry.ai_family {
        case AF_INET where bytes.count >= 8: return IPAddress(bytes: bytes[4..<8])
        case AF_INET6 where bytes.count >= 24: return IPAddress(bytes: bytes[8..<24])
        default: return nil
        }
    }
}
