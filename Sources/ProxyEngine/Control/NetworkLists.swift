import MTProtoWire
import NIOCore
import ProxyPolicy

/// Keeps the lists of blocked and allowed networks fresh: files are read and URLs fetched, at start and at intervals. A
/// list that cannot be had leaves its last good content in place; one that a reload brought and that cannot be had
/// leaves those before it in place.
struct NetworkLists: Sendable {
    /// FireHOL's longest lists have some MiB.
    private static let maximumBytes = 32 << 20
    /// After a failure, unless the next time comes sooner anyway; seconds.
    private static let retrySeconds: Int64 = 60

    private let state: EngineState
    private let sources: [Source]
    /// Whether nothing was in force before, so that there is nothing to go on with.
    private let isStart: Bool

    private struct Source: Sendable {
        var place: String
        var isAllowing: Bool
        var isURL: Bool { place.hasPrefix("http://") || place.hasPrefix("https://") }
    }

    init(state: EngineState, isStart: Bool) {
        let limits = state.configuration.limits
        sources =
            limits.blockLists.map { Source(place: $0, isAllowing: false) }
            + limits.allowLists.map { Source(place: $0, isAllowing: true) }
        self.state = state
        self.isStart = isStart
    }

    /// Before the first client: files, and what was fetched by an earlier run.
    func loadFiles() async {
        guard !sources.isEmpty else { return }
        for source in sources {
            if source.isURL {
                if let path = storedPath(source), let text = SmallFile.read(path, limit: Self.maximumBytes) {
                    _ = take(text, source)
                }
            } else {
                _ = await read(source, nil)
            }
        }
        await publish()
    }

    func refreshUntilCancelled(_ loop: LoopContext) async {
        guard !sources.isEmpty else { return await forgetAll() }
        var isFirst = isStart
        while !Task.isCancelled {
            var isComplete = true
            for source in sources where source.isURL || !isFirst {
                if await !read(source, loop) { isComplete = false }
            }
            isFirst = false
            await publish()
            let refresh = state.configuration.limits.listRefreshSeconds
            let wait = isComplete ? refresh : min(refresh, Self.retrySeconds)
            guard (try? await Task.sleep(for: .seconds(wait), tolerance: .seconds(min(wait, 5)))) != nil else { return }
        }
    }

    /// - Returns: whether the list is now as fresh as it can be.
    private func read(_ source: Source, _ loop: LoopContext?) async -> Bool {
        let text: String
        if source.isURL {
            guard let loop else { return false }
            do {
                text = try await HTTPFetch(state: state, eventLoop: loop.eventLoop)
                    .text(from: source.place, limit: Self.maximumBytes)
            } catch {
                guard !Task.isCancelled else { return false }
                state.events.problem(
                    "list of networks not fetched; its last good content stays", "\(source.place): \(error)")
                return false
            }
        } else {
            guard let content = SmallFile.read(source.place, limit: Self.maximumBytes) else {
                state.events.problem(
                    "list of networks not read; its last good content stays", "\(source.place) cannot be read")
                return false
            }
            text = content
        }
        guard take(text, source) else { return false }
        if source.isURL, let path = storedPath(source), !SmallFile.write(text, to: path) {
            state.events.problem("list of networks not stored", "cannot write \(path)")
        }
        return true
    }

    /// - Returns: false when the text is no list.
    private func take(_ text: String, _ source: Source) -> Bool {
        let (networks, problems) = NetworkList.parse(text, name: source.place)
        if networks.isEmpty, let problem = problems.first {
            state.events.problem("list of networks not taken; its last good content stays", problem)
            return false
        }
        for problem in problems { state.events.problem("part of a list of networks not understood", problem) }
        state.networkSources.withLock { known in
            if source.isAllowing {
                known.allowed[source.place] = networks
            } else {
                known.blocked[source.place] = networks
            }
        }
        return true
    }

    private func publish() async {
        let (blocking, allowing) = (places(isAllowing: false), places(isAllowing: true))
        let known = state.networkSources.withLock { known in
            known.settle(blocking: blocking, allowing: allowing)
            return known
        }
        var rules = NetworkRules()
        rules.blocked = NetworkSet(known.blocked.values.lazy.flatMap { $0 })
        if !allowing.isEmpty {
            // An allow list that could not be read yet allows nobody: it was given to keep everybody else out.
            rules.allowed = NetworkSet(known.allowed.values.lazy.flatMap { $0 })
            if known.allowed.isEmpty, !isStart { rules.allowed = await inForce?.allowed }
        }
        await ProxyControl(state: state).useNetworks(rules)
        state.events.networkLists(blocked: rules.blocked.count, allowed: rules.allowed?.count)
    }

    private func places(isAllowing: Bool) -> Set<String> {
        Set(sources.lazy.filter { $0.isAllowing == isAllowing }.map(\.place))
    }

    /// What newcomers meet now.
    private var inForce: NetworkRules? {
        get async { await state.loops.withLock { $0.first }?.on { $0.networks } }
    }

    /// There are no lists any more.
    private func forgetAll() async {
        state.networkSources.withLock { $0 = KnownNetworks() }
        if let inForce = await inForce, inForce != NetworkRules() { await publish() }
    }

    /// Where a fetched list is kept; the name is the URL's FNV-1a hash.
    private func storedPath(_ source: Source) -> String? {
        let directory = state.configuration.stateDirectory
        guard !directory.isEmpty else { return nil }
        let hash = source.place.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x0100_0000_01b3 }
        return "\(directory)/networks-\(String(hash, radix: 16)).txt"
    }
}

/// What is known of lists of networks, by the place of each.
struct KnownNetworks: Sendable, Equatable {
    var blocked: [String: [Network]] = [:]
    var allowed: [String: [Network]] = [:]

    /// Forgets lists that are not named any more, unless one that took their place was not read yet.
    mutating func settle(blocking: Set<String>, allowing: Set<String>) {
        if blocking.isSubset(of: blocked.keys) { blocked = blocked.filter { blocking.contains($0.key) } }
        if allowing.isSubset(of: allowed.keys) { allowed = allowed.filter { allowing.contains($0.key) } }
    }
}
