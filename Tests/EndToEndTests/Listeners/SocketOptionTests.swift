#if os(Linux)
    import Foundation
    import NIOCore
    import ProxyEngine
    import ProxyPolicy
    import ProxyTestKit
    import Testing

    #if canImport(Glibc)
        import Glibc
    #elseif canImport(Musl)
        import Musl
    #endif

    extension ListenerSuites {
        @Suite("Options of accepted sockets") struct SocketOptionTests {
            private struct Options: Equatable {
                var isKeptAlive: Bool
                var idle: CInt
                var interval: CInt
                var count: CInt
                var userTimeout: CInt
                var windowClamp: CInt
            }

            @Test("Each listener's sockets have its options", arguments: [1, 2])
            func options(threads: Int) async throws {
                var narrow = ListenerConfiguration.loopback()
                narrow.socket.windowClampBytes = 4_096
                narrow.socket.keepAliveSeconds = 77
                narrow.socket.userTimeoutMilliseconds = 12_345
                try await withProxy(
                    to: .tcp,
                    adapt: {
                        $0.listen.threads = threads
                        $0.listen.socket.keepAliveSeconds = 41
                        $0.listeners = [narrow]
                    }
                ) { proxy, _ in
                    let plain = try await Self.options(proxy, 0)
                    #expect(plain.windowClamp > 4_096)
                    #expect(
                        plain
                            == Options(
                                isKeptAlive: true, idle: 41, interval: 10, count: 3, userTimeout: 0,
                                windowClamp: plain.windowClamp))
                    #expect(
                        try await Self.options(proxy, 1)
                            == Options(
                                isKeptAlive: true, idle: 77, interval: 10, count: 3, userTimeout: 12_345,
                                windowClamp: 4_096))
                }
            }

            /// Connects and looks at the other end of the connection, which is in this process, too.
            private static func options(_ proxy: RunningProxy, _ listener: Int) async throws -> Options {
                let client = try await TelegramClient.connect(
                    port: try proxy.port(listener), secret: SecretForm.plain.secret)
                try await client.exchange([1])
                let ends = (own: try proxy.port(listener), peer: try #require(client.stream.localAddress?.port))
                let sockets = (try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))
                    .compactMap { CInt($0) }.filter { descriptor in ports(descriptor).map { $0 == ends } ?? false }
                #expect(sockets.count == 1)
                let socket = try #require(sockets.first)
                let options = Options(
                    isKeptAlive: option(socket, SOL_SOCKET, SO_KEEPALIVE) != 0,
                    idle: option(socket, CInt(IPPROTO_TCP), TCP_KEEPIDLE),
                    interval: option(socket, CInt(IPPROTO_TCP), TCP_KEEPINTVL),
                    count: option(socket, CInt(IPPROTO_TCP), TCP_KEEPCNT),
                    userTimeout: option(socket, CInt(IPPROTO_TCP), TCP_USER_TIMEOUT),
                    windowClamp: option(socket, CInt(IPPROTO_TCP), TCP_WINDOW_CLAMP)
                )
                await client.close()
                return options
            }

            /// The ports of both ends of an IPv4 socket.
            private static func ports(_ descriptor: CInt) -> (own: Int, peer: Int)? {
                func port(_ ask: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt)
                    -> Int?
                {
                    // By offsets: which module the fields of a socket address belong to depends on what was loaded first.
                    var bytes = [UInt8](repeating: 0, count: 128)
                    var length = socklen_t(bytes.count)
                    let result = bytes.withUnsafeMutableBytes { bytes in
                        bytes.assumingMemoryBound(to: sockaddr.self).baseAddress.map { ask(descriptor, $0, &length) }
                            ?? -1
                    }
                    guard result == 0, length == 16 else { return nil }
                    return Int(bytes[2]) << 8 | Int(bytes[3])
                }
                guard let own = port({ getsockname($0, $1, $2) }), let peer = port({ getpeername($0, $1, $2) }) else {
                    return nil
                }
                return (own, peer)
            }

            private static func option(_ socket: CInt, _ level: CInt, _ name: CInt) -> CInt {
                var value: CInt = -1
                var length = socklen_t(MemoryLayout<CInt>.size)
                return getsockopt(socket, level, name, &value, &length) == 0 ? value : -1
            }
        }
    }
#endif
