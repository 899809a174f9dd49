import ProxyEngine

extension StatsPage {
    // MARK: Load

    var jobs: [Line] {
        let loops = Double(max(facts.loops.count, 1))
        func loads(_ prefix: String, _ load: Load, dividedBy count: Double = 1, total: String) -> [Line] {
            [
                Line("\(prefix)_user", load.userPercent / count),
                Line("\(prefix)_sys", load.systemPercent / count),
                Line("\(prefix)\(total)", load.totalPercent / count),
            ]
        }
        return [
            Line("thread_average_idle_percent", load.average.idlePercent),
            Line("thread_recent_idle_percent", load.recent.idlePercent),
            Line("tot_threads", process.threads),
        ]
            + loads("thread_load_average", load.average, dividedBy: loops, total: "")
            + loads("thread_load_recent", load.recent, dividedBy: loops, total: "")
            + loads("load_average", load.average, total: "_total")
            + loads("load_recent", load.recent, total: "_total")
            + loads("max_average", load.highestAverage, total: "_total")
            + loads("max_recent", load.highestRecent, total: "_total")
            + [
                Line("job_timers_allocated", deadlines.armed),
                Line("jobs_created", tasksDone),
                Line("jobs_active", 0),
                Line("jobs_running", 0),
                Line("jobs_allocated_memory", 0),
                Line("timer_ops", deadlines.insertions &+ deadlines.removals),
                Line("timer_ops_scheduler", 0),
            ]
    }

    // MARK: Proxy

    var proxy: [Line] { list + forwarded + totals + clients }

    private var list: [Line] {
        let document = facts.middleProxies.list
        return [
            Line("config_filename", document?.source ?? ""),
            Line("config_loaded_at", document?.takenAt ?? 0),
            Line("config_size", document?.bytes ?? 0),
            Line("config_md5", document?.md5 ?? ""),
            Line("config_auth_clusters", facts.middleProxies.clusters),
            Line("workers", facts.loops.count),
        ]
    }

    private var forwarded: [Line] {
        [
            Line("queries_get", 0),
            Line("qps_get", 0.0),
            Line("tot_forwarded_queries", counts.requests),
            Line(
                "expired_forwarded_queries", registry.sum("martlet_middle_proxy_orphans_total", ["outcome": "closed"])),
            Line("dropped_queries", registry.sum("martlet_middle_proxy_refused_messages_total")),
            Line("tot_forwarded_responses", counts.answers),
            Line("dropped_responses", registry.sum("martlet_middle_proxy_stray_total", ["kind": "answer"])),
            Line("tot_forwarded_simple_acks", counts.acknowledgements),
            Line(
                "dropped_simple_acks", registry.sum("martlet_middle_proxy_stray_total", ["kind": "acknowledgement"])),
        ] + Line.zeros("active_rpcs_created active_rpcs rpc_dropped_answers rpc_dropped_running") + [
            Line("window_clamp", facts.windowClamp ?? 0)
        ]
    }

    private var totals: [Line] {
        let targets = MiddleProxyTargetCounts(facts)
        return [
            Line("total_ready_targets", targets.ready),
            Line("total_allocated_targets", targets.known),
            Line("total_declared_targets", targets.known),
            Line("total_inactive_targets", max(targets.known - targets.used, 0)),
            Line("total_connections", openConnections),
            Line("total_encrypted_connections", facts.sum(\.links.ready)),
            Line("total_allocated_connections", openConnections),
            Line("total_allocated_outbound_connections", counts.outbound),
            Line("total_allocated_inbound_connections", facts.clients),
            Line("total_allocated_socket_connections", openConnections),
            Line("total_dh_connections", agreementsUnderWay),
            Line("total_dh_rounds", agreementText),
            Line("total_special_connections", facts.clients),
            Line("total_max_special_connections", facts.clientLimit),
            Line("total_accept_connections_failed", "0 \(acceptFailures) \(pausesAtLimit) \(pausesOfRate) 0"),
            Line("ext_connections", facts.sum(\.links.sessions)),
            Line("ext_connections_created", counts.bindings),
            Line("total_active_network_events", 0),
            Line("total_network_buffers_used_size", held),
            Line("total_network_buffers_allocated_bytes", held + sharedBuffers),
        ]
            + Line.zeros("total_network_buffers_used total_network_buffer_chunks_allocated")
            + Line.zeros("total_network_buffer_chunks_allocated_max")
    }

    private var clients: [Line] {
        let broken = registry.sum("martlet_sessions_ended_total", ["reason": CloseReason.clientProtocol.rawValue])
        return [
            Line("mtproto_proxy_errors", broken),
            Line("connections_failed_lru", registry.sum("martlet_evicted_sessions_total")),
            Line("connections_failed_flood", registry.sum("martlet_refused_total")),
            Line("http_connections", counts.httpClients),
            Line("pending_http_queries", counts.httpWaiting),
            Line("http_queries", counts.httpQueries),
            Line("http_bad_headers", counts.httpRefused),
            Line("http_qps", perSecond(counts.httpQueries)),
            Line("proxy_mode", 2),
            Line("proxy_tag_set", facts.middleProxies.hasTag ? 1 : 0),
            Line("version", "martlet-\(version)"),
        ]
    }
}
