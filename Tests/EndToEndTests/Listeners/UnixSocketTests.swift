import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension ListenerSuites {
    @Suite("Unix sockets") struct UnixSocketTests {
        @Test(
            "The socket has the mode that was asked for, and is gone at the end",
            arguments: [0o600, 0o660, 0o666, 0o640])
        func mode(_ mode: UInt16) async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            try await Self.withSocket(path, mode: mode) { proxy in
                var status = stat()
                #expect(lstat(path, &status) == 0)
                #expect(status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK))
                #expect(status.st_mode & 0o7777 == mode_t(mode))
                for form in SecretForm.allCases { try await Self.talk(path, form) }
            }
            #expect(fileKind(path) == nil)
        }

        @Test("A socket that a killed process left is replaced")
        func stale() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            // What is bound and closed leaves its file.
            close(try Self.bindSocket(path))
            #expect(fileKind(path) == mode_t(S_IFSOCK))
            try await Self.withSocket(path) { _ in try await Self.talk(path, .fakeTLS) }
            #expect(fileKind(path) == nil)
        }

        @Test("A socket on which somebody listens is not taken away from him")
        func inUse() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            try await Self.withSocket(path) { _ in
                let error = try #require(
                    try await startError {
                        $0.listen.isOff = true
                        $0.listeners = [.unix(path)]
                    })
                #expect(error.code == .addressInUse)
                #expect(error.message == "cannot listen on unix:\(path): another program listens there")
                #expect(error.hint == "stop it, or choose another path")
                try await Self.talk(path, .plain)
            }
        }

        @Test("Nor is one whose queue is full at the moment")
        func busy() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            let listener = try Self.bindSocket(path)
            defer { close(listener) }
            #expect(listen(listener, 0) == 0)
            var waiting: [ByteStream] = []
            let connect = ConnectOptions(socketPath: path)
            while waiting.count < 100, let stream = try? await ByteStream.connect(port: 0, options: connect) {
                waiting.append(stream)
            }
            #expect(waiting.count < 100)
            let error = try #require(
                try await startError {
                    $0.listen.isOff = true
                    $0.listeners = [.unix(path)]
                })
            #expect(error.code == .addressInUse)
            #expect(fileKind(path) == mode_t(S_IFSOCK))
            for stream in waiting { await stream.close() }
        }

        @Test("A forwarder on this machine names its clients, and limits hold for them")
        func forwarder() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            try await Self.withSocket(
                path,
                adapt: {
                    $0.listeners[0].proxyProtocol = true
                    // Whoever may open the socket is trusted: there is no address to compare.
                    $0.listeners[0].trustedSources = []
                    $0.limits.perAddress = 1
                }
            ) { proxy in
                let first = try await Self.client(path, .padded, leading: forwarded("203.0.113.9"))
                let other = try await Self.client(path, .fakeTLS, leading: forwarded("203.0.113.10"))
                for client in [first, other] { try await client.exchange([1]) }
                let refused = try await Self.client(path, .plain, leading: forwarded("203.0.113.9"))
                try await refused.send([2])
                try await proxy.metrics.reaches("martlet_refused_total{reason=address-full}", 1)
                await first.close()
                #expect(try await proxy.endOfSession()["client"] == "203.0.113.9")
                let nameless = try await Self.client(path, .plain)
                try await proxy.metrics.reaches("martlet_strangers_total{reason=badProxyHeader}", 1)
                for client in [other, refused, nameless] { await client.close() }
            }
        }

        // MARK: Parts

        private static func withSocket(
            _ path: String, mode: UInt16 = 0o600, adapt: (inout ProxyConfiguration) -> Void = { _ in },
            _ body: (RunningProxy) async throws -> Void
        ) async throws {
            try await withProxy(
                to: .tcp,
                adapt: {
                    $0.listen.isOff = true
                    $0.listeners = [.unix(path, mode: mode)]
                    adapt(&$0)
                }
            ) { proxy, _ in
                try await body(proxy)
            }
        }

        private static func client(_ path: String, _ form: SecretForm, leading: [UInt8] = []) async throws
            -> TelegramClient
        {
            let options = TelegramClientOptions(
                leadingBytes: leading, connect: ConnectOptions(socketPath: path), patience: .seconds(60))
            return try await TelegramClient.connect(port: 0, secret: form.secret, options: options)
        }

        private static func talk(_ path: String, _ form: SecretForm) async throws {
            let client = try await client(path, form)
            for size in [1, 1_000, 300_000] { try await client.exchange([UInt8](repeating: 7, count: size)) }
            await client.close()
        }

        /// A Unix socket that is bound, and not listened on.
        private static func bindSocket(_ path: String) throws -> CInt {
            #if canImport(Glibc)
                let kind = CInt(SOCK_STREAM.rawValue)
            #else
                let kind = SOCK_STREAM
            #endif
            let descriptor = socket(AF_UNIX, kind, 0)
            guard descriptor >= 0 else { throw KitError.command("socket: \(errno)") }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard result == 0 else { throw KitError.command("bind: \(errno)") }
            return descriptor
        }
    }
}
