import NIOCore
import ProxyPolicy

/// Keeps the list of community domains fresh: the stored one at start, then the fetched one every hour.
///
/// Made only when the list can be used; nobody's server is asked for it otherwise.
struct CommunityList: Sendable {
    private static let refresh = Duration.seconds(3_600)
    /// After a failure: soon enough to help somebody who has just got online.
    private static let retry = Duration.seconds(300)
    private static let fileName = "community-domains.txt"

    private let state: EngineState
    private let url: String

    init?(state: EngineState) {
        guard state.routes.withLock({ $0.wantsCommunityList }), let url = state.configuration.routes.listURL else {
            return nil
        }
        self.state = state
        self.url = url
    }

    private var path: String? {
        let directory = state.configuration.stateDirectory
        return directory.isEmpty ? nil : "\(directory)/\(Self.fileName)"
    }

    func loadStored() {
        guard let path, let text = SmallFile.read(path, limit: CommunityDomainList.maximumBytes) else { return }
        if let domains = try? CommunityDomainList.parse(text) { use(domains) }
    }

    func refreshUntilCancelled(_ loop: LoopContext) async {
        while !Task.isCancelled {
            let isFresh = await fetch(loop)
            guard (try? await Task.sleep(for: isFresh ? Self.refresh : Self.retry, tolerance: .seconds(30))) != nil
            else { return }
        }
    }

    private func fetch(_ loop: LoopContext) async -> Bool {
        do {
            let text = try await HTTPFetch(state: state, eventLoop: loop.eventLoop)
                .text(from: url, limit: CommunityDomainList.maximumBytes)
            let domains = try CommunityDomainList.parse(text)
            use(domains)
            state.events.communityList(domains.count)
            if let path, !SmallFile.write(text, to: path) {
                state.events.problem("community domain list not stored", "cannot write \(path)")
            }
            return true
        } catch {
            guard !Task.isCancelled else { return false }
            state.events.communityListFailed("\(error)")
            return false
        }
    }

    private func use(_ domains: [String]) {
        state.routes.withLock { $0.replaceCommunityDomains(domains) }
    }
}
