import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit

/// Runs a test against a middle proxy of the kit and a proxy that takes everybody there, and knows no other way.
func withMiddleProxy(
    _ behaviour: MiddleProxyBehaviour = MiddleProxyBehaviour(),
    listen: ListenOptions = ListenOptions(),
    adapt: (inout ProxyConfiguration) -> Void = { _ in },
    _ body: (RunningProxy, FakeMiddleProxy) async throws -> Void
) async throws {
    try await withKit { kit in
        let middle = kit.keep(try await FakeMiddleProxy.start(behaviour, listen: listen))
        try await withProxy(list: middle.configText(), adapt: adapt) { try await body($0, middle) }
    }
}

/// The same with a data center that is reached directly when the middle proxy fails.
func withMiddleProxyAndDataCenter(
    _ behaviour: MiddleProxyBehaviour = MiddleProxyBehaviour(),
    adapt: (inout ProxyConfiguration) -> Void = { _ in },
    _ body: (RunningProxy, FakeMiddleProxy, FakeDataCenter) async throws -> Void
) async throws {
    try await withKit { kit in
        let middle = kit.keep(try await FakeMiddleProxy.start(behaviour))
        let dataCenter = kit.keep(try await FakeDataCenter.start())
        try await withProxy(
            list: middle.configText(),
            adapt: {
                $0.routes.tcpAddresses = [2: [.loopback(dataCenter.port)]]
                adapt(&$0)
            }
        ) { try await body($0, middle, dataCenter) }
    }
}

/// Runs a test against a proxy that takes everybody over the middle proxies of this list.
func withProxy(
    list: String,
    adapt: (inout ProxyConfiguration) -> Void = { _ in },
    _ body: (RunningProxy) async throws -> Void
) async throws {
    let directory = try TemporaryDirectory()
    let files = try MiddleProxyFiles.write(config: list, into: directory)
    try await RunningProxy.with(
        {
            $0.goOverMiddleProxies()
            $0.middleProxy.secretFile = files.secret
            $0.middleProxy.configFile = files.config
            adapt(&$0)
        }, body)
    withExtendedLifetime(directory) {}
}

extension ProxyConfiguration {
    /// Everybody goes over middle proxies, and a slow machine looks like nothing worse.
    mutating func goOverMiddleProxies() {
        secrets = SecretForm.allCases.map(\.named)
        handshake.timeoutMilliseconds = 120_000
        connect.headStartMilliseconds = 20_000
        connect.budgetMilliseconds = 60_000
        connect.firstByteTimeoutMilliseconds = 300_000
        middleProxy.openingMilliseconds = 60_000
        middleProxy.use = .always
        middleProxy.addressServices = []
    }
}

extension MiddleProxyDirectory {
    /// What a proxy makes of the kit's secret and this list.
    static func kit(_ list: String) throws -> MiddleProxyDirectory {
        guard let secret = MiddleProxySecret(bytes: FakeMiddleProxy.secret) else {
            throw KitError.violation("the kit's secret is none")
        }
        return MiddleProxyDirectory(
            secret: secret, list: try MiddleProxyList(parsing: list, file: "kit"), listV6: nil)
    }
}

extension RunningProxy {
    /// A client whose messages look like those that middle proxies take.
    func messenger(
        _ form: SecretForm = .plain,
        framing: PacketFraming = .paddedIntermediate,
        dataCenter: Int16 = 2,
        host: String = "127.0.0.1",
        secret: ProxySecret? = nil,
        connect: ConnectOptions = ConnectOptions(timeout: .seconds(60)),
        patience: Duration = .seconds(60)
    ) async throws -> TelegramClient {
        let options = TelegramClientOptions(
            framing: framing, dataCenter: dataCenter, form: .encrypted, connect: connect, patience: patience)
        return try await TelegramClient.connect(
            host: host, port: port, secret: secret ?? form.secret, options: options)
    }

    /// The same after its first answer.
    func settledMessenger(_ form: SecretForm = .plain, dataCenter: Int16 = 2) async throws -> TelegramClient {
        let client = try await messenger(form, dataCenter: dataCenter)
        try await client.exchange(Array("hello".utf8))
        return client
    }

    /// Several clients at once, each after its first answer.
    func settledMessengers(_ count: Int) async throws -> [TelegramClient] {
        try await withThrowingTaskGroup(of: TelegramClient.self) { group in
            for _ in 0..<count { group.addTask { try await self.settledMessenger() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// No link has ended, whatever a client did. On a slow machine there may be a spare one.
    func keptItsLinks(_ middle: FakeMiddleProxy) -> Bool {
        !middle.linkFacts.contains(where: \.isOver) && log.lines("link to a middle proxy lost").isEmpty
    }

    /// The route of the session with this index in the order of their ends.
    func routeOfSession(_ index: Int = 0) async throws -> String {
        try await endOfSession(index)["route"] ?? ""
    }
}

extension TelegramClient {
    /// Takes whatever comes until the connection is over, and says how it ended.
    func waitUntilOver(within limit: Duration = .seconds(60)) async throws -> StreamEnding {
        do {
            while try await receiveItem(within: limit) != nil {}
        } catch KitError.ended(_) {
        } catch KitError.truncated(_, _, _) {}
        return stream.ending
    }

    /// Whether a payload that is sent comes back; false when the connection ended instead.
    func echoes(_ payload: [UInt8]) async -> Bool {
        do {
            try await exchange(payload)
            return true
        } catch {
            return false
        }
    }
}

extension Endpoint {
    /// One end of a socket.
    init(of socket: SocketAddress?) throws {
        guard let text = socket?.ipAddress, let address = IPAddress(text), let port = socket?.port else {
            throw KitError.violation("a socket without address")
        }
        self.init(address: address, port: UInt16(clamping: port))
    }
}

extension AdTag {
    /// A tag of sixteen bytes that count up from this one.
    static func counting(from first: UInt8) -> AdTag {
        guard let bytes = Block16(bytes: (0..<16).map { first &+ $0 }) else { fatalError("16 bytes") }
        return AdTag(bytes: bytes)
    }
}
