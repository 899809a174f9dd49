package import MTProtoWire
package import NIOCore

extension IPAddress {
    /// The address of a socket, without its port; nil for Unix sockets.
    package init?(_ address: SocketAddress?) {
        guard let address else { return nil }
        // The layouts of sockaddr_in (address at offset 4) and sockaddr_in6 (at 8) are the same everywhere.
        let offset: Int
        let length: Int
        switch address {
        case .v4: (offset, length) = (4, 4)
        case .v6: (offset, length) = (8, 16)
        case .unixDomainSocket: return nil
        }
        let bytes = address.withSockAddr { pointer, size in
            UnsafeRawBufferPointer(start: pointer, count: size).dropFirst(offset).prefix(length).map { $0 }
        }
        self.init(bytes: bytes)
    }
}
