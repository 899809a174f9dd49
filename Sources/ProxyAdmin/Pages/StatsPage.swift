package import ProxyEngine

/// `/stats` in the form of Telegram's own proxy: lines of a name, a tab and a value, some of them in sections.
///
/// Programs that read that page find every name of it here, in the same order. What each number means in this program is
/// in `docs/metrics.md`. A number that has no meaning here is 0, which is true.
package struct StatsPage {
    package let facts: EngineFacts
    package let registry: MetricsRegistry
    package let process: ProcessFacts
    package let load: LoadHistory.Report
    package let version: String
    /// Unix time, seconds.
    package let now: Int
    /// Since an event loop last looked at its sockets, seconds.
    package let sinceTurn: Double
    /// What it took to find all this out, seconds.
    package let generation: Double

    package init(
        facts: EngineFacts, registry: MetricsRegistry, process: ProcessFacts, load: LoadHistory.Report,
        version: String, now: Int, sinceTurn: Double, generation: Double
    ) {
        self.facts = facts
        self.registry = registry
        self.process = process
        self.load = load
        self.version = version
        self.now = now
        self.sinceTurn = sinceTurn
        self.generation = generation
    }

    /// One line: a name, and one value or several with blanks between.
    struct Line {
        var name: String
        var value: String

        init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }

        init(_ name: String, _ value: some BinaryInteger) { self.init(name, "\(value)") }
        init(_ name: String, _ value: Double) { self.init(name, StatsPage.fixed(value)) }

        /// Names of numbers that have no meaning here.
        static func zeros(_ names: String) -> [Line] { names.split(separator: " ").map { Line(String($0), 0) } }
    }

    package var text: String {
        let parts: [(section: String?, lines: [Line])] = [
            (nil, engine), ("connections", connections), ("raw_msg", Self.messages), ("raw_msg_buffer", buffers),
            ("tl_parse", queries), ("crypto_aes", ciphers), ("crypto_dh", agreements), ("jobs", jobs),
            ("mp_queue", []), ("timers", timers), ("rpc_targets", targets), (nil, memory), (nil, proxy),
        ]
        return parts.map { part in
            let lines = part.lines.map { "\($0.name)\t\($0.value)\n" }.joined()
            guard let section = part.section else { return lines }
            return ">>>>>>\(section)>>>>>>\tstart\n\(lines)<<<<<<\(section)<<<<<<\tend\n"
        }.joined()
    }

    /// Three decimals, whatever the language of the machine.
    static func fixed(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "0.000" }
        let thousandths = Int64((abs(value) * 1_000).rounded())
        let digits = String(thousandths % 1_000)
        let fraction = String(repeating: "0", count: 3 - digits.count) + digits
        return "\(value < 0 && thousandths > 0 ? "-" : "")\(thousandths / 1_000).\(fraction)"
    }

    // MARK: Numbers that several lines show

    var counts: LoopCounts { facts.counts }
    var uptime: Int { max(now - Int(facts.startTime), 0) }
    private var activity: LoopWatch.Facts { facts.activity ?? LoopWatch.Facts() }
    private var loopCount: Int { max(facts.loops.count, 1) }
    var held: Int { Int(registry.level("martlet_session_memory_bytes")) }
    var agreementText: String { "\(counts.agreements) 0 0" }
    var openConnections: Int { facts.clients + counts.outbound }
    /// Those towards the outside that stand.
    var standing: Int { max(counts.outbound - counts.dialling, 0) }
    var pausesAtLimit: UInt64 { registry.sum("martlet_accept_pauses_total", ["reason": "full"]) }
    var pausesOfRate: UInt64 { registry.sum("martlet_accept_pauses_total", ["reason": "rate"]) }
    var acceptFailures: UInt64 { registry.sum("martlet_accept_failures_total") }
    var agreementsUnderWay: Int { facts.middleProxies.usesDiffieHellman ? facts.sum(\.links.opening) : 0 }
    var sharedBuffers: Int { facts.sum(\.sharedBufferBytes) }

    // MARK: Engine

    private var engine: [Line] {
        [
            Line("pid", process.pid),
            Line("start_time", facts.startTime),
            Line("current_time", now),
            Line("uptime", uptime),
            Line("tot_idle_time", Double(activity.idleNanoseconds) / 1e9 / Double(loopCount)),
            Line("average_idle_percent", load.average.idlePercent),
            Line("recent_idle_percent", load.recent.idlePercent),
            Line("active_network_events", 0),
            Line("time_after_epoll", sinceTurn),
            Line("epoll_calls", activity.turns),
            Line("epoll_intr", 0),
            // As links name this process to middle proxies: no address of its own, no port.
            Line("PID", "[0.0.0.0:65535:\(process.pid & 0xFFFF):\(facts.startTime)]"),
        ]
    }

    private var connections: [Line] {
        let targets = MiddleProxyTargetCounts(facts)
        return [
            Line("active_connections", openConnections),
            Line("active_dh_connections", agreementsUnderWay),
            Line("outbound_connections", counts.outbound),
            Line("ready_outbound_connections", standing),
            Line("active_outbound_connections", max(standing - facts.sum(\.warm), 0)),
            Line("outbound_connections_created", counts.dialled),
            Line("total_connect_failures", counts.dialsFailed),
            Line("inbound_connections", facts.clients),
            Line("active_inbound_connections", facts.sum(\.serving)),
            Line("inbound_connections_accepted", registry.sum("martlet_connections_total")),
            Line("listening_connections", facts.listeningSockets),
            Line("unused_connections_closed", counts.unusedClosed),
            Line("ready_targets", targets.ready),
            Line("allocated_targets", targets.known),
            Line("active_targets", targets.used),
            Line("inactive_targets", max(targets.known - targets.used, 0)),
            Line("free_targets", 0),
            Line("max_connections", process.fileLimit ?? 0),
            Line("active_special_connections", facts.clients),
            Line("max_special_connections", facts.clientLimit),
            Line("max_accept_rate", facts.acceptRate ?? 0),
            Line("cur_accept_rate_remaining", Double(facts.acceptsLeft)),
            Line("max_connection", process.highestFile),
            Line("conn_generation", registry.sum("martlet_connections_total") &+ counts.dialled),
            Line("allocated_connections", openConnections),
            Line("allocated_outbound_connections", counts.outbound),
            Line("allocated_inbound_connections", facts.clients),
            Line("allocated_socket_connections", openConnections),
            Line("tcp_readv_calls", counts.reads),
            Line("tcp_readv_intr", 0),
            Line("tcp_readv_bytes", counts.readBytes),
            Line("tcp_writev_calls", counts.writes),
            Line("tcp_writev_intr", 0),
            Line("tcp_writev_bytes", counts.writtenBytes),
            Line("free_later_size", 0),
            Line("free_later_total", 0),
            Line("accept_calls_failed", acceptFailures),
            Line("accept_nonblock_set_failed", 0),
            Line("accept_connection_limit_failed", pausesAtLimit),
            Line("accept_rate_limit_failed", pausesOfRate),
            Line("accept_init_accepted_failed", 0),
        ]
    }

    private static let messages = Line.zeros("rwm_total_msgs rwm_total_msg_parts")

    private var buffers: [Line] {
        [
            Line("total_used_buffers_size", held),
            Line("total_used_buffers", 0),
            Line("allocated_buffer_bytes", held + sharedBuffers),
            Line("buffer_chunk_alloc_ops", 0),
            Line("allocated_buffer_chunks", 0),
            Line("max_allocated_buffer_chunks", 0),
            Line("max_buffer_chunks", 0),
            Line("max_allocated_buffer_bytes", facts.memoryBudget),
        ]
    }

    private var queries: [Line] {
        [
            Line("rpc_queries_received", 0),
            Line("rpc_answers_error", 0),
            Line("rpc_answers_received", counts.answers),
            Line("rpc_sent_errors", 0),
            Line("rpc_sent_answers", 0),
            Line("rpc_sent_queries", counts.requests),
            Line("tl_in_allocated", 0),
            Line("tl_out_allocated", 0),
            Line("rpc_qps", perSecond(counts.requests)),
            Line("default_rpc_flags", 0),
        ]
    }

    private var ciphers: [Line] {
        let links = facts.sum(\.links.ready)
        let onLinks = facts.sum(\.links.sessions)
        // A session over a link has two keystreams, any other one four; a link has two directions.
        let streams = 4 * max(facts.sum(\.serving) - onLinks, 0) + 2 * onLinks + 2 * links
        return [
            Line("allocated_aes_crypto", streams),
            Line("allocated_aes_crypto_temp", 0),
            Line("aes_pwd_hash", facts.middleProxies.secret?.md5 ?? ""),
        ]
    }

    private var agreements: [Line] { [Line("tot_dh_rounds", agreementText)] }

    private var timers: [Line] {
        [
            Line("event_timer_insert_ops", deadlines.insertions),
            Line("event_timer_remove_ops", deadlines.removals),
            Line("event_timer_alarms", deadlines.reached),
            Line("total_timers", deadlines.armed),
        ]
    }

    private var targets: [Line] {
        [
            Line("total_rpc_targets", MiddleProxyTargetCounts(facts).used),
            Line("total_connections_in_rpc_targets", facts.sum(\.links.ready)),
        ]
    }

    private var memory: [Line] {
        [
            Line("stats_generate_time", generation),
            Line("vmsize_bytes", process.virtualBytes),
            Line("vmrss_bytes", process.residentBytes),
            Line("vmdata_bytes", process.dataBytes),
        ]
    }

    var deadlines: DeadlineCounts {
        facts.loops.reduce(into: DeadlineCounts()) { sum, loop in
            guard let deadlines = loop?.deadlines else { return }
            sum.armed += deadlines.armed
            sum.insertions &+= deadlines.insertions
            sum.removals &+= deadlines.removals
            sum.reached &+= deadlines.reached
        }
    }

    var tasksDone: UInt64 { activity.tasks }

    func perSecond(_ count: UInt64) -> Double { Double(count) / Double(max(uptime, 1)) }
}
