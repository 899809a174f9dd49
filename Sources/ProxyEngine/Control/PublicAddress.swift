package import MTProtoWire
import NIOCore
import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Finds out as what address the world sees us, where our own sockets have a private one: it is part of the keys of every
/// link to a middle proxy.
package struct PublicAddress: Sendable {
    /// An address has fewer characters; a page of HTML has more.
    private static let maximumAnswerBytes = 256
    /// So many services have to agree, where that many are configured: one may be behind a cache or a proxy.
    private static let votesNeeded = 2

    let state: EngineState

    /// - Parameter families: a middle proxy of each family in use.
    func learn(_ loop: LoopContext, families: [MiddleProxyTarget]) async {
        for target in families {
            guard let peer = IPAddress(target.host), let local = Self.localAddress(towards: peer) else { continue }
            let known = state.ownAddresses.withLock { $0.global(of: local, towards: peer) }
            guard known == nil else { continue }
            guard let found = await ask(loop, local: local) else {
                state.events.problem(
                    "our public address is not known",
                    "the sockets have \(local); give middle_proxy.public_address or middle_proxy.nat")
                continue
            }
            state.ownAddresses.withLock { $0.learn(found, of: local) }
            state.events.publicAddress(found, local: local)
        }
    }

    /// Asks one service after the other until enough say the same.
    private func ask(_ loop: LoopContext, local: IPAddress) async -> IPAddress? {
        let services = state.configuration.middleProxy.addressServices
        let needed = min(Self.votesNeeded, services.count)
        var votes: [IPAddress: Int] = [:]
        for service in services {
            let answer = try? await HTTPFetch(state: state, eventLoop: loop.eventLoop)
                .text(from: service, limit: Self.maximumAnswerBytes)
            guard let text = answer?.split(whereSeparator: \.isWhitespace), text.count == 1,
                let address = IPAddress(text[0]), address.isGlobal, address.isIPv4 == local.isIPv4
            else { continue }
            votes[address, default: 0] += 1
            if votes[address, default: 0] >= needed { return address }
        }
        return nil
    }

    /// The address that the system would choose for a connection there. Nothing is sent.
    package static func localAddress(towards peer: IPAddress) -> IPAddress? {
        guard let target = try? SocketAddress(ipAddress: peer.description, port: 443) else { return nil }
        #if os(Linux)
            let type = CInt(SOCK_DGRAM.rawValue)
        #else
            let type = SOCK_DGRAM
        #endif
        let descriptor = socket(peer.isIPv4 ? AF_INET : AF_INET6, type, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard target.withSockAddr({ connect(descriptor, $0, socklen_t($1)) }) == 0 else { return nil }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { bytes in
            guard let start = bytes.baseAddress,
                getsockname(descriptor, start.assumingMemoryBound(to: sockaddr.self), &length) == 0
            else { return nil }
            // The layouts of sockaddr_in (address at offset 4) and sockaddr_in6 (at 8) are the same everywhere.
            return IPAddress(bytes: peer.isIPv4 ? bytes[4..<8] : bytes[8..<24])
        }
    }
}
