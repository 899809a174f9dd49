import ProxyEngine
import ProxyPolicy

/// The metrics that are not counted, but looked up when somebody asks.
struct FactMetrics {
    /// Users with numbers of their own; what the others have is summed.
    static let maximumUsers = 1_000
    /// No user is called so: parentheses cannot stand in a name.
    static let otherUsers = "(other)"

    let facts: EngineFacts
    let process: ProcessFacts
    let version: String
    let dropped: UInt64

    var families: [MetricFamily] { clients + outside + middleProxies + loops + system + users }

    private func family(_ name: String, _ series: [MetricSeries]) -> MetricFamily {
        MetricFamily(name: name, kind: MetricCatalog.kind(name), series: series)
    }

    private func one(_ name: String, _ value: Int) -> MetricFamily {
        family(name, [MetricSeries([], .whole(Int64(clamping: value)))])
    }

    private func one(_ name: String, _ value: UInt64) -> MetricFamily { one(name, Int(clamping: value)) }

    private func one(_ name: String, _ value: Double) -> MetricFamily {
        family(name, [MetricSeries([], .real(value))])
    }

    private func each(_ name: String, _ label: String, _ values: [(String, UInt64)]) -> MetricFamily {
        family(name, values.map { MetricSeries([MetricLabel(label, $0.0)], .whole(Int64(clamping: $0.1))) })
    }

    private var clients: [MetricFamily] {
        [
            family("martlet_build_info", [MetricSeries([MetricLabel("version", version)], .whole(1))]),
            one("martlet_listening", facts.stage == .listening ? 1 : 0),
            one("martlet_connections_active", facts.clients),
            one("martlet_connections_limit", facts.clientLimit),
            one("martlet_half_open_connections", facts.halfOpen),
            one("martlet_masked_connections", facts.masked),
            one("martlet_sessions_active", facts.sum(\.serving)),
            one("martlet_memory_budget_bytes", facts.memoryBudget),
        ]
    }

    private var outside: [MetricFamily] {
        let counts = facts.counts
        return [
            one("martlet_pool_idle_upstreams", facts.sum(\.warm)),
            one("martlet_pool_opening_upstreams", facts.sum(\.warming)),
            one("martlet_pool_expired_total", counts.unusedClosed),
            each(
                "martlet_outbound_connections", "state",
                [
                    ("connecting", UInt64(clamping: counts.dialling)),
                    ("standing", UInt64(clamping: counts.outbound - counts.dialling)),
                ]),
            one("martlet_outbound_attempts_total", counts.dialled),
            one("martlet_outbound_failures_total", counts.dialsFailed),
            one("martlet_socket_reads_total", counts.reads),
            one("martlet_socket_read_bytes_total", counts.readBytes),
            one("martlet_socket_writes_total", counts.writes),
            one("martlet_socket_written_bytes_total", counts.writtenBytes),
        ]
    }

    private var middleProxies: [MetricFamily] {
        let counts = facts.counts
        let targets = MiddleProxyTargetCounts(facts)
        return [
            one("martlet_middle_proxy_links", facts.sum(\.links.ready)),
            one("martlet_middle_proxy_links_opening", facts.sum(\.links.opening)),
            one("martlet_middle_proxy_sessions", facts.sum(\.links.sessions)),
            each(
                "martlet_middle_proxy_targets", "state",
                [
                    ("known", UInt64(clamping: targets.known)), ("ready", UInt64(clamping: targets.ready)),
                    ("used", UInt64(clamping: targets.used)),
                ]),
            one("martlet_middle_proxy_list_timestamp_seconds", Int(facts.middleProxies.list?.takenAt ?? 0)),
            one("martlet_middle_proxy_key_agreements_total", counts.agreements),
            one("martlet_middle_proxy_bindings_total", counts.bindings),
            each(
                "martlet_middle_proxy_messages_total", "kind",
                [
                    ("acknowledgement", counts.acknowledgements), ("answer", counts.answers),
                    ("request", counts.requests),
                ]),
        ]
    }

    private var loops: [MetricFamily] {
        let activity = facts.activity ?? LoopWatch.Facts()
        return [
            one("martlet_event_loops", facts.loops.count),
            one("martlet_event_loops_unresponsive", facts.loops.count { $0 == nil }),
            one("martlet_event_loop_turns_total", activity.turns),
            one("martlet_event_loop_tasks_total", activity.tasks),
            one("martlet_event_loop_idle_seconds_total", Double(activity.idleNanoseconds) / 1e9),
            one("martlet_deadlines_armed", facts.sum(\.deadlines.armed)),
            one("martlet_metrics_dropped_series_total", dropped),
        ]
    }

    private var system: [MetricFamily] {
        var families = [
            one("process_cpu_seconds_total", process.userSeconds + process.systemSeconds),
            one("process_resident_memory_bytes", process.residentBytes),
            one("process_virtual_memory_bytes", process.virtualBytes),
            one("process_open_fds", process.openFiles),
            one("process_threads", process.threads),
            one("process_start_time_seconds", Int(facts.startTime)),
        ]
        if let limit = process.fileLimit { families.append(one("process_max_fds", limit)) }
        return families
    }

    // MARK: Users

    private var users: [MetricFamily] {
        var shown = Array(facts.users.prefix(Self.maximumUsers))
        if let other = Self.sum(facts.users.dropFirst(Self.maximumUsers)) { shown.append(other) }
        func each(_ name: String, _ value: (UserFacts) -> UInt64) -> MetricFamily {
            self.each(name, "user", shown.map { ($0.name, value($0)) })
        }
        let bytes = shown.flatMap { user in
            [("down", user.usage.down), ("up", user.usage.up)].map { direction, bytes in
                MetricSeries(
                    [MetricLabel("user", user.name), MetricLabel("direction", direction)],
                    .whole(Int64(clamping: bytes)))
            }
        }
        let quotas = shown.compactMap { user in user.quota.map { (user.name, $0) } }
        return [
            each("martlet_user_connections") { UInt64(clamping: $0.connections) },
            each("martlet_user_sessions_total") { $0.usage.sessions },
            family("martlet_user_bytes_total", bytes),
            each("martlet_user_quota_used_bytes") { $0.usage.quotaUsed },
            self.each("martlet_user_quota_bytes", "user", quotas),
        ]
    }

    private static func sum(_ users: ArraySlice<UserFacts>) -> UserFacts? {
        guard var sum = users.first else { return nil }
        sum.name = otherUsers
        sum.quota = nil
        for user in users.dropFirst() {
            sum.connections += user.connections
            let quotaUsed = sum.usage.quotaUsed &+ user.usage.quotaUsed
            sum.usage.add(up: user.usage.up, down: user.usage.down, sessions: user.usage.sessions)
            sum.usage.quotaUsed = quotaUsed
        }
        return sum
    }
}

/// Middle proxies that are known, that have links, and that have links that are ready.
struct MiddleProxyTargetCounts {
    let known: Int
    let used: Int
    let ready: Int

    init(_ facts: EngineFacts) {
        let links = facts.loops.compactMap { $0?.links }
        known = facts.middleProxies.targets
        used = links.reduce(into: Set()) { $0.formUnion($1.usedTargets) }.count
        ready = links.reduce(into: Set()) { $0.formUnion($1.readyTargets) }.count
    }
}
