import MTProtoWire
import NIOCore
import ProxyPolicy

/// Keeps the lists of blocked and allowed networks fresh: files are read and URLs fetched, at start and at intervals. A
/// list that cannot be had leaves its last good content in place.
struct NetworkLists: Sendable {
    /// FireHOL's longest lists have some MiB.
    private static let maximumBytes = 32 << 20
    /// After a failure, unless the next time comes sooner anyway; seconds.
    private static let retrySeconds: Int64 = 60

    private let state: EngineState
    private let sources: [Source]

    private struct Source: Sendable {
        var place: String
        var isAllowing: Bool
        var isURL: Bool { place.hasPrefix("http://") || place.hasPrefix("https://") }
    }

    init?(state: EngineState) {
        let limits = state.configuration.limits
        sources =
            limits.blockLists.map { Source(place: $0, isAllowing: false) }
            + limits.allowLists.map { Source(place: $0, isAllowing: true) }
        guard !sources.isEmpty else { return nil }
        self.state = state
    }

    /// Before the first client: files, and what was fetched by an earlier run.
    func loadFiles() async {
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
        var isFirst = true
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
        state.networkSources.withLock { $0[source.place] = networks }
        return true
    }

    private func publish() async {
        var rules = NetworkRules()
        let known = state.networkSources.withLock { $0 }
        rules.blocked = NetworkSet(sources.lazy.filter { !$0.isAllowing }.flatMap { known[$0.place] ?? [] })
        // An allow list that could not be read yet allows nobody: it was given to keep everybody else out.
        if sources.contains(where: \.isAllowing) {
            rules.allowed = NetworkSet(sources.lazy.filter(\.isAllowing).flatMap { known[$0.place] ?? [] })
        }
        await ProxyControl(state: state).useNetworks(rules)
        state.events.networkLists(blocked: rules.blocked.count, allowed: rules.allowed?.count)
    }

    /// Where a fetched list is kept; the name is the URL's FNV-1a hash.
    private func storedPath(_ source: Source) -> String? {
        let directory = state.configuration.stateDirectory
        guard !directory.isEmpty else { return nil }
        let hash = source.place.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x0100_0000_01b3 }
        return "\(directory)/networks-\(String(hash, radix: 16)).txt"
    }
}
