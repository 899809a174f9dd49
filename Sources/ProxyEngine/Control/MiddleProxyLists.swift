import MTProtoWire
import NIOCore
import ProxyPolicy

/// Keeps Telegram's proxy secret and its lists of middle proxies fresh: from files, or fetched, with the last good copy
/// on disk. Does nothing as long as nobody is to be served over middle proxies.
struct MiddleProxyLists: Sendable {
    /// After a failure: soon enough to help somebody who has just got online.
    private static let retry = Duration.seconds(60)
    /// How soon the first user with an ad tag is noticed.
    private static let look = Duration.seconds(2)
    /// Telegram's list has a few KiB; its own proxy refuses 16 MiB.
    private static let maximumListBytes = 1 << 20

    private enum Part: String, CaseIterable {
        case secret = "proxy-secret"
        case list = "proxy-multi.conf"
        case listV6 = "proxy-multi-v6.conf"
    }

    private let state: EngineState
    private let settings: MiddleProxyConfiguration

    init?(state: EngineState) {
        guard state.configuration.middleProxy.use != .never else { return nil }
        self.state = state
        settings = state.configuration.middleProxy
    }

    /// Whether anybody needs them.
    private var areWanted: Bool {
        settings.use == .always || settings.adTag != nil || state.accounts.contains { $0.adTag != nil }
    }

    private var parts: [Part] {
        switch settings.family {
        case .ipv4: [.secret, .list]
        case .ipv6: [.secret, .listV6]
        case .both: [.secret, .list, .listV6]
        }
    }

    /// Before the first client: files, and what was fetched by an earlier run.
    func loadStored() async {
        guard areWanted else { return }
        for part in parts {
            let path = file(part) ?? storedPath(part)
            if let path, let content = SmallFile.bytes(path, limit: Self.maximumListBytes) {
                _ = take(content, part, from: path)
            }
        }
        await publish()
    }

    func refreshUntilCancelled(_ loop: LoopContext) async {
        while !areWanted {
            guard (try? await Task.sleep(for: Self.look, tolerance: .seconds(1))) != nil else { return }
        }
        if state.middleProxies.withLock({ $0.secret == nil }) { await loadStored() }
        while !Task.isCancelled {
            var isComplete = true
            for part in parts where await !refresh(part, loop) { isComplete = false }
            await PublicAddress(state: state).learn(loop, families: targetsByFamily)
            await publish()
            let refresh = Duration.seconds(settings.refreshSeconds)
            let wait = isComplete ? refresh : min(refresh, Self.retry)
            guard (try? await Task.sleep(for: wait, tolerance: .seconds(5))) != nil else { return }
        }
    }

    // MARK: One part

    private func refresh(_ part: Part, _ loop: LoopContext) async -> Bool {
        if let path = file(part) {
            guard let content = SmallFile.bytes(path, limit: Self.maximumListBytes) else {
                state.events.problem("\(part.rawValue) not read; the last good one stays", "\(path) cannot be read")
                return false
            }
            return take(content, part, from: path)
        }
        let url = url(part)
        do {
            let body = try await HTTPFetch(state: state, eventLoop: loop.eventLoop)
                .bytes(from: url, limit: Self.maximumListBytes)
            let content = Array(body.readableBytesView)
            guard take(content, part, from: url) else { return false }
            if let path = storedPath(part), !SmallFile.write(content, to: path) {
                state.events.problem("\(part.rawValue) not stored", "cannot write \(path)")
            }
            return true
        } catch {
            guard !Task.isCancelled else { return false }
            state.events.problem("\(part.rawValue) not fetched; the last good one stays", "\(url): \(error)")
            return false
        }
    }

    /// Checks the content and keeps it; false when it is not what it should be.
    private func take(_ content: [UInt8], _ part: Part, from source: String) -> Bool {
        let document = TakenDocument(content, from: source)
        do {
            switch part {
            case .secret:
                // A page that says that something is wrong is no secret either.
                guard let secret = MiddleProxySecret(bytes: content), content.first != UInt8(ascii: "<") else {
                    throw Unusable(description: "\(source): \(content.count) bytes; expected 32 to 256 of them")
                }
                state.middleProxies.withLock { known in
                    known.secret = secret
                    known.secretDocument = document
                }
            case .list, .listV6:
                let list = try MiddleProxyList(parsing: String(decoding: content, as: UTF8.self), file: source)
                try state.middleProxies.withLock { (known) throws(Unusable) in
                    try known.take(list, isIPv6: part == .listV6, from: source)
                    // Of two lists the one for IPv4 is told about.
                    if part == .list || known.list == nil { known.listDocument = document }
                }
            }
            return true
        } catch {
            state.events.problem("\(part.rawValue) not taken; the last good one stays", "\(error)")
            return false
        }
    }

    private func file(_ part: Part) -> String? {
        switch part {
        case .secret: settings.secretFile
        case .list: settings.configFile
        case .listV6: settings.configFileV6
        }
    }

    private func url(_ part: Part) -> String {
        switch part {
        case .secret: settings.secretURL
        case .list: settings.configURL
        case .listV6: settings.configURLV6
        }
    }

    private func storedPath(_ part: Part) -> String? {
        let directory = state.configuration.stateDirectory
        return directory.isEmpty ? nil : "\(directory)/\(part.rawValue)"
    }

    // MARK: All of them

    /// One middle proxy of each family, to see which of our addresses leads there.
    private var targetsByFamily: [MiddleProxyTarget] {
        state.middleProxies.withLock { known in
            known.lists(of: settings.family).compactMap { $0?.clusters.values.first?.first }
        }
    }

    private func publish() async {
        let directory = state.middleProxies.withLock { $0.takeNews(of: settings.family) }
        guard let directory else { return }
        state.events.middleProxyLists(targets: directory.allTargets.count)
        await ProxyControl(state: state).useMiddleProxies(directory)
    }
}

/// Why a fetched document is not used.
struct Unusable: Error, CustomStringConvertible {
    var description: String
}

/// What is known of Telegram's secret and lists, as it comes in part by part.
struct KnownMiddleProxies: Sendable {
    var secret: MiddleProxySecret?
    private(set) var list: MiddleProxyList?
    private(set) var listV6: MiddleProxyList?
    /// What they were made from, for those who ask.
    var secretDocument: TakenDocument?
    var listDocument: TakenDocument?
    /// Lists that lost most of their data centers, by family; taken when the next one says the same.
    private var doubted: [Bool: MiddleProxyList] = [:]
    /// Families whose next list is believed however it differs: the operator chose another source.
    private var believed: Set<Bool> = []
    private var published: MiddleProxyDirectory?

    /// - Throws: ``Unusable`` for a list that lost more than half of the data centers at once.
    mutating func take(_ new: MiddleProxyList, isIPv6: Bool, from source: String) throws(Unusable) {
        let old = isIPv6 ? listV6 : list
        if let old, !believed.contains(isIPv6), new.clusters.count * 2 < old.clusters.count, doubted[isIPv6] != new {
            doubted[isIPv6] = new
            throw Unusable(
                description:
                    "\(source): \(new.clusters.count) data centers where there were \(old.clusters.count); the next one that says so is believed"
            )
        }
        doubted[isIPv6] = nil
        believed.remove(isIPv6)
        if isIPv6 { listV6 = new } else { list = new }
    }

    /// Takes other settings. What is known stays until the new sources have been read.
    mutating func reconfigure(from old: MiddleProxyConfiguration, to new: MiddleProxyConfiguration) {
        if (old.configFile, old.configURL) != (new.configFile, new.configURL) { believed.insert(false) }
        if (old.configFileV6, old.configURLV6) != (new.configFileV6, new.configURLV6) { believed.insert(true) }
    }

    /// IPv4's list and IPv6's. One of a family that is not wanted any more serves until the other one is there.
    func lists(of family: MiddleProxyConfiguration.Family) -> [MiddleProxyList?] {
        [family != .ipv6 || listV6 == nil ? list : nil, family != .ipv4 || list == nil ? listV6 : nil]
    }

    /// Everything that is needed, if it is there and differs from what was taken last.
    mutating func takeNews(of family: MiddleProxyConfiguration.Family) -> MiddleProxyDirectory? {
        let lists = lists(of: family)
        guard let secret, lists.contains(where: { $0 != nil }) else { return nil }
        let directory = MiddleProxyDirectory(secret: secret, list: lists[0], listV6: lists[1])
        guard directory != published else { return nil }
        published = directory
        return directory
    }
}
