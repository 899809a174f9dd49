import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit

/// A proxy with all there is to change around it.
struct ReloadWorld: Sendable {
    /// Users, each with a secret of every form.
    enum Person: UInt8, CaseIterable, Sendable {
        case stayer = 1
        /// Has an ad tag: goes over middle proxies.
        case tagged
        case leaver
        case newcomer
        /// Nobody's secret.
        case stranger

        func secret(_ form: SecretForm) -> ProxySecret {
            let place = SecretForm.allCases.firstIndex(of: form) ?? 0
            let byte = rawValue << 4 | UInt8(clamping: place)
            guard let key = Block16(bytes: [UInt8](repeating: byte, count: 16)) else { fatalError("16 bytes") }
            return ProxySecret(key: key, kind: form.secret.kind)
        }

        var user: User {
            var user = User(name: "\(self)", secrets: SecretForm.allCases.map(secret), origin: .declared)
            if self == .tagged { user.adTag = .counting(from: 1) }
            return user
        }
    }

    /// Data center 2.
    let edge: WebSocketEdge
    /// Data center 4, and the one that takes the place of both.
    let dataCenter: FakeDataCenter
    let otherDataCenter: FakeDataCenter
    let middle: FakeMiddleProxy
    let otherMiddle: FakeMiddleProxy
    /// The one in force, and another.
    private(set) var mask: RecordingHost
    private(set) var otherMask: RecordingHost
    private let directory: TemporaryDirectory
    private(set) var configuration = ProxyConfiguration.defaults
    let proxy: RunningProxy

    static func start(in kit: KitScope) async throws -> ReloadWorld {
        let edge = kit.keep(try await WebSocketEdge.start())
        let dataCenter = kit.keep(try await FakeDataCenter.start())
        let middle = kit.keep(try await FakeMiddleProxy.start())
        let mask = kit.keep(try await RecordingHost.start(.echo))
        let directory = try TemporaryDirectory()
        let files = try MiddleProxyFiles.write(config: middle.configText(), into: directory)
        let authority = try await CertificateAuthority.shared().certificatePath
        var configuration = ProxyConfiguration.defaults
        let proxy = try await RunningProxy.start {
            $0.goOverMiddleProxies()
            $0.secrets = []
            $0.users = [Person.stayer, .tagged, .leaver].map(\.user)
            $0.middleProxy.use = .tagged
            $0.middleProxy.secretFile = files.secret
            $0.middleProxy.configFile = files.config
            $0.connect.caFile = authority
            $0.listen.threads = 2
            $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
            $0.routes.tcpAddresses = [4: [.loopback(dataCenter.port)]]
            $0.hide(behind: mask.port)
            configuration = $0
        }
        return ReloadWorld(
            edge: edge, dataCenter: dataCenter, otherDataCenter: kit.keep(try await FakeDataCenter.start()),
            middle: middle, otherMiddle: kit.keep(try await FakeMiddleProxy.start()), mask: mask,
            otherMask: kit.keep(try await RecordingHost.start(.echo)), directory: directory,
            configuration: configuration, proxy: proxy)
    }

    /// Does what the program does with a new configuration.
    mutating func reload(
        rereadingLists: Bool = false, _ change: (inout ProxyConfiguration) throws -> Void
    ) async throws {
        try change(&configuration)
        try await proxy.reload(configuration, rereadingLists: rereadingLists)
    }

    /// The other mask host is in force now.
    mutating func masksChanged() { (mask, otherMask) = (otherMask, mask) }

    /// Writes a list with the other middle proxy where the first one's was.
    func useOtherMiddleProxy() throws {
        _ = try MiddleProxyFiles.write(config: otherMiddle.configText(), into: directory)
    }

    /// He is a client.
    func comesIn(_ person: Person, _ dataCenter: Int16 = 4) async throws {
        let (control, name) = (proxy.control, person.user.name)
        let before = control.live()[name]?.connections ?? 0
        for index in SecretForm.allCases.indices {
            let client = try await proxy.client(person, index, dataCenter)
            try await client.exchange([UInt8](repeating: 7, count: 3_000))
            await client.close()
            try await eventually(timeout: .seconds(60), "the end of his session") {
                control.live()[name]?.connections == before
            }
        }
    }

    /// Whoever has his secret meets the mask host, and the one in force.
    func showsMask(_ person: Person) async throws {
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        let hello = FakeTLSHello(secret: person.secret(.fakeTLS), using: &generator)
        try await proxy.showsMaskHost(mask, from: nil, opening: hello.wire)
    }
}

extension RunningProxy {
    /// Does what the program does with a new configuration.
    func reload(_ configuration: ProxyConfiguration, rereadingLists: Bool = false) async throws {
        let prepared = try control.prepare(configuration)
        await control.replaceUsers(configuration.declaredUsers.map { UserEntry(user: $0) })
        await control.reconfigure(prepared, rereadingLists: rereadingLists)
    }

    /// A client of that user, with a secret of one form or another.
    func client(_ person: ReloadWorld.Person, _ index: Int, _ dataCenter: Int16) async throws -> TelegramClient {
        let form = SecretForm.allCases[index % SecretForm.allCases.count]
        return try await messenger(
            framing: PacketFraming.allCases[index / 3 % 3], dataCenter: dataCenter, secret: person.secret(form),
            patience: .seconds(120))
    }
}
