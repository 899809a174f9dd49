import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Tells when an address of this machine came or went: another Wi-Fi, a VPN, a cable.
///
/// Linux says so over a netlink socket. Elsewhere nothing is told, and the jump of the wall clock that sleep brings has
/// to do.
enum NetworkWatch {
    /// Addresses often change several at a time; what comes within this long is one change.
    private static let settle = Duration.seconds(1)
    /// The groups of address changes (linux/rtnetlink.h): RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR.
    private static let addressGroups: UInt32 = 0x10 | 0x100

    static func changes(on eventLoop: any EventLoop) async throws -> AsyncThrowingStream<String, any Error> {
        #if os(Linux)
            let socket = try open()
            let (stream, continuation) = AsyncThrowingStream<String, any Error>.makeStream(
                bufferingPolicy: .bufferingNewest(1))
            let channel = try await NIOPipeBootstrap(group: eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = NetlinkHandler(settle: settle, ended: { continuation.finish() }) {
                            continuation.yield("an address came or went")
                        }
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .takingOwnershipOfDescriptor(inputOutput: socket).get()
            continuation.onTermination = { _ in channel.close(promise: nil) }
            return stream
        #else
            return AsyncThrowingStream { _ in }
        #endif
    }

    #if os(Linux)
        private static func open() throws -> CInt {
            let descriptor = socket(AF_NETLINK, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), routeProtocol)
            guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "netlink socket") }
            var address = SocketAddressNetlink(family: UInt16(AF_NETLINK), groups: addressGroups)
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<SocketAddressNetlink>.size))
                }
            }
            guard result == 0 else {
                let code = errno
                close(descriptor)
                throw IOError(errnoCode: code, reason: "netlink bind")
            }
            return descriptor
        }

        /// NETLINK_ROUTE of linux/netlink.h.
        private static let routeProtocol: CInt = 0

        /// struct sockaddr_nl of linux/netlink.h, which the C library's module does not have.
        private struct SocketAddressNetlink {
            var family: UInt16
            var padding: UInt16 = 0
            var port: UInt32 = 0
            var groups: UInt32
        }
    #endif
}

/// Any message about an address that leads somewhere is news; what it says in detail does not matter.
private final class NetlinkHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let settle: Duration
    private let ended: @Sendable () -> Void
    private let notify: @Sendable () -> Void
    private var pending: Scheduled<Void>?

    init(settle: Duration, ended: @escaping @Sendable () -> Void, notify: @escaping @Sendable () -> Void) {
        self.settle = settle
        self.ended = ended
        self.notify = notify
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard pending == nil, Self.concernsRoutes(unwrapInboundIn(data)) else { return }
        pending = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(settle)) { [self] in
            pending = nil
            notify()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        pending?.cancel()
        ended()
    }

    /// Whether one of the messages speaks of an address beyond its link: containers that come and go bring link-local
    /// ones all the time.
    ///
    /// A message is `nlmsghdr` (length first, 16 bytes) and `ifaddrmsg` (family, prefix, flags, scope: a byte each),
    /// in the byte order of the machine, padded to 4 bytes.
    private static func concernsRoutes(_ messages: ByteBuffer) -> Bool {
        let linkScope: UInt8 = 253
        var offset = messages.readerIndex
        while let length = messages.getInteger(at: offset, endianness: .host, as: UInt32.self),
            let scope = messages.getInteger(at: offset + 19, as: UInt8.self)
        {
            if scope != linkScope { return true }
            guard length >= 20, length <= messages.readableBytes else { return true }
            offset += (Int(length) + 3) & ~3
        }
        return false
    }
}
