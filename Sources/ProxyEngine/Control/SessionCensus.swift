package import MTProtoWire
package import ProxyPolicy

/// Live sessions to one data center by one kind of route.
package struct SessionGroup: Sendable {
    package struct Key: Hashable, Sendable {
        package var dataCenter: DataCenter
        package var route: RouteKind
    }

    package var sessions = 0
    /// Bytes of these sessions so far.
    package var up = 0
    package var down = 0
}

extension ProxyControl {
    /// All sessions that are carried at this moment, counted by where they go.
    package func census() async -> [SessionGroup.Key: SessionGroup] {
        var groups: [SessionGroup.Key: SessionGroup] = [:]
        for part in await collect(within: Self.answerLimit, { $0.census() }) {
            groups.merge(part ?? [:]) { one, other in
                SessionGroup(
                    sessions: one.sessions + other.sessions, up: one.up + other.up, down: one.down + other.down)
            }
        }
        return groups
    }

    /// How the routes stand that were tried.
    package func routeStandings() -> [RouteStanding] {
        state.routes.withLock { $0.standings(now: DeadlineWheel.now()) }
    }
}

extension LoopContext {
    fileprivate func census() -> [SessionGroup.Key: SessionGroup] {
        var groups: [SessionGroup.Key: SessionGroup] = [:]
        for connection in connections.values {
            guard case .relaying(let relay) = connection.phase else { continue }
            let key = SessionGroup.Key(dataCenter: connection.dataCenter, route: relay.route.kind)
            groups[key, default: SessionGroup()].sessions += 1
            groups[key, default: SessionGroup()].up += relay.bytesUp
            groups[key, default: SessionGroup()].down += relay.bytesDown
        }
        return groups
    }
}
