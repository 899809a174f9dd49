import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyStore

/// Answers what is asked on the control socket: questions about users go to their manager.
struct ControlDesk: Sendable {
    let manager: UserManager
    let reloader: Reloader
    let giver: HandoverGiver
    let control: ProxyControl
    let levels: LogLevels

    func answer(_ request: ControlRequest) async -> ControlReply {
        switch request {
        case .overview: await overview()
        case .logLevels(let wanted): change(wanted)
        case .reload: await reloader.reload(.command)
        case .restart: await Restart(giver: giver, control: control).perform()
        case .handover(let process): await giver.begin(with: process)
        case .recordUsage(let report): await record(report)
        default: await manager.perform(request)
        }
    }

    private func overview() async -> ControlReply {
        guard case .status(let status) = await manager.perform(.status) else {
            return .failure(ControlError(.notRunning, "no server runs"))
        }
        var overview = ServerOverview(server: status)
        let facts = await control.facts(withUsers: true)
        overview.connections = facts.clients
        overview.connectionLimit = facts.clientLimit
        overview.halfOpen = facts.halfOpen
        overview.masked = facts.masked
        overview.warm = facts.sum(\.warm)
        overview.links = facts.sum(\.links.ready)
        overview.sessions = await control.census().map { key, group in
            ServerOverview.Sessions(
                dataCenter: "\(key.dataCenter)", route: key.route.rawValue, sessions: group.sessions,
                up: UInt64(clamping: group.up), down: UInt64(clamping: group.down))
        }.sorted { ($0.sessions, $1.dataCenter, $1.route) > ($1.sessions, $0.dataCenter, $0.route) }
        overview.routes = control.routeStandings().map { standing in
            ServerOverview.Route(
                dataCenter: "\(standing.dataCenter)", route: standing.route.name, failure: standing.failure?.code,
                restMilliseconds: standing.rest, workedBeforeMilliseconds: standing.workedBefore)
        }
        let online = facts.users.filter { $0.connections > 0 }
        overview.onlineUsers = online.count
        overview.users = online.sorted { ($0.connections, $1.name) > ($1.connections, $0.name) }
            .prefix(ServerOverview.maximumUsers).map { user in
                ServerOverview.User(
                    name: user.name, connections: user.connections, up: user.usage.up, down: user.usage.down)
            }
        return .overview(overview)
    }

    private func change(_ wanted: [String: String]) -> ControlReply {
        let unknown = levels.change(wanted)
        guard unknown.isEmpty else {
            let names = levels.inForce.map(\.name).joined(separator: ", ")
            return .failure(
                ControlError(
                    .invalid, "nobody knows \(unknown.map { quoted($0) }.joined(separator: ", "))",
                    hint: "subsystems are \(names); levels trace, debug, info, notice, warning, error, critical"))
        }
        return .logLevels(Dictionary(levels.inForce.map { ($0.name, $0.level) }) { first, _ in first })
    }

    /// The process before this one still serves some.
    private func record(_ report: UsageReport) async -> ControlReply {
        do throws(StoreError) {
            try await manager.record(report.deltas)
        } catch {
            // It stays with the manager and is written later.
        }
        control.count(report.deltas, open: report.open, in: report.pid)
        return .recorded(end: control.refused(report.open.keys))
    }
}
