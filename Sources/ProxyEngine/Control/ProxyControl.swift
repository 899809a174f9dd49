package import ProxyPolicy

/// What may be asked of a running proxy, from any thread.
package struct ProxyControl: Sendable {
    let state: EngineState

    /// Takes new users and new settings of users that are known. Sessions of users who are not there any more, are
    /// disabled or may not come from where they are, end, the former two after ``UserAccount/drainMilliseconds``.
    package func replaceUsers(_ entries: [UserEntry]) async {
        let snapshot = state.replaceUsers(entries)
        state.events.usersChanged(entries.count)
        for loop in state.loops.withLock({ $0 }) {
            await loop.on { loop in
                loop.users = snapshot
                loop.checkUsers(all: true)
            }
        }
    }

    /// Ends all sessions of a user at once, also of one who is not there any more.
    package func endSessions(of name: String) async {
        for loop in state.loops.withLock({ $0 }) { await loop.on { $0.endSessions(of: name) } }
    }

    /// What every user has moved since the last call, of those who moved anything.
    package func takeUsage() async -> [String: UsageDelta] {
        for loop in state.loops.withLock({ $0 }) { await loop.on { $0.countBytes() } }
        var result: [String: UsageDelta] = [:]
        for account in state.accounts {
            let delta = account.takeUnsaved()
            if !delta.isEmpty { result[account.name] = delta }
        }
        return result
    }

    /// What every user has open.
    package func live() -> [String: UserLive] {
        Dictionary(state.accounts.map { ($0.name, $0.live) }) { first, _ in first }
    }

    /// Takes a new secret and new lists of middle proxies; sessions move as far as they have to.
    package func useMiddleProxies(_ directory: MiddleProxyDirectory) async {
        for loop in state.loops.withLock({ $0 }) { await loop.on { $0.middleProxies.use(directory) } }
    }

    /// Takes new lists of networks. They concern newcomers; who is in stays in.
    package func useNetworks(_ rules: NetworkRules) async {
        for loop in state.loops.withLock({ $0 }) { await loop.on { $0.networks = rules } }
    }
}

extension LoopContext {
    func endSessions(of name: String) {
        for connection in connections.values where connection.account?.name == name {
            connection.finish(.userRevoked, flushing: true)
        }
    }

    /// Ends the sessions of users who may not be here any more.
    ///
    /// - Parameter all: also of users for whom only new settings make a difference.
    func checkUsers(all: Bool) {
        for connection in connections.values where all || connection.account?.isWatched == true {
            connection.checkUser()
        }
    }
}
