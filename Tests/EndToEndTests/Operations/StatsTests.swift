import Foundation
import MTProtoWire
import ProxyAdmin
import ProxyPolicy
import ProxyTestKit
import Testing

@testable import ProxyEngine

/// Numbers mean something: each is moved by what it counts.
@Suite("Metrics and statistics", .serialized, .timeLimit(.minutes(4)))
struct StatsTests {
    /// Moved by tests of their own: how long it takes to make a client slow or a clock wrong.
    private static let elsewhere = [
        // MiddleProxySlowClientTests, MiddleProxyOpeningTests, MiddleProxyPingTests
        "martlet_middle_proxy_slow_clients_total", "martlet_middle_proxy_clock_skew_seconds",
        "stats:dropped_simple_acks", "stats:mtproto_proxy_errors",
    ]

    /// What does not move while a proxy runs on, or not for a reason that a test can give: settings, facts of the
    /// process, moments too short to be seen.
    private static let still = NumberCause.words(
        """
        martlet_build_info martlet_listening martlet_connections_limit martlet_memory_budget_bytes martlet_event_loops
        martlet_metrics_dropped_series_total martlet_middle_proxy_list_timestamp_seconds
        martlet_middle_proxy_links_opening martlet_pool_opening_upstreams martlet_accept_failures_total
        process_resident_memory_bytes process_virtual_memory_bytes process_open_fds process_max_fds process_threads
        process_start_time_seconds martlet_user_quota_bytes
        stats:pid stats:start_time stats:average_idle_percent stats:recent_idle_percent stats:time_after_epoll stats:PID
        stats:active_dh_connections stats:listening_connections stats:allocated_targets stats:inactive_targets
        stats:max_connections stats:max_special_connections stats:max_accept_rate stats:cur_accept_rate_remaining
        stats:max_connection stats:accept_calls_failed stats:max_allocated_buffer_bytes stats:aes_pwd_hash
        stats:thread_average_idle_percent stats:thread_recent_idle_percent stats:tot_threads
        stats:thread_load_average_user stats:thread_load_average_sys stats:thread_load_average
        stats:thread_load_recent_user stats:thread_load_recent_sys stats:thread_load_recent stats:load_average_user
        stats:load_average_sys stats:load_average_total stats:load_recent_user stats:load_recent_sys
        stats:load_recent_total stats:max_average_user stats:max_average_sys stats:max_average_total
        stats:max_recent_user stats:max_recent_sys stats:max_recent_total stats:event_timer_alarms
        stats:stats_generate_time stats:vmsize_bytes stats:vmrss_bytes stats:vmdata_bytes
        stats:config_filename stats:config_loaded_at stats:config_size stats:config_md5 stats:config_auth_clusters
        stats:workers stats:window_clamp stats:total_allocated_targets stats:total_declared_targets
        stats:total_inactive_targets stats:total_dh_connections stats:total_max_special_connections stats:proxy_mode
        stats:proxy_tag_set stats:version
        """)

    /// Always 0, as `docs/metrics.md` says and a test of that page checks.
    private static let zero = NumberCause.words(
        """
        active_network_events epoll_intr free_targets tcp_readv_intr tcp_writev_intr free_later_size free_later_total
        accept_nonblock_set_failed accept_init_accepted_failed rwm_total_msgs rwm_total_msg_parts total_used_buffers
        buffer_chunk_alloc_ops allocated_buffer_chunks max_allocated_buffer_chunks max_buffer_chunks
        rpc_queries_received rpc_answers_error rpc_sent_errors rpc_sent_answers tl_in_allocated tl_out_allocated
        default_rpc_flags allocated_aes_crypto_temp jobs_active jobs_running jobs_allocated_memory timer_ops_scheduler
        queries_get qps_get active_rpcs_created active_rpcs rpc_dropped_answers rpc_dropped_running
        total_active_network_events total_network_buffers_used total_network_buffer_chunks_allocated
        total_network_buffer_chunks_allocated_max
        """
    ).map { "stats:\($0)" }

    @Test("Every number is moved by some cause, or is known to stand still")
    func completeness() async throws {
        try await Self.withWorld { world in
            let shown = try await world.pages.numbers().names
            let moved = NumberCause.allCases.flatMap(\.grows) + Self.elsewhere + Self.still + Self.zero
            func base(_ name: String) -> String {
                let bare = String(name.prefix { $0 != "{" })
                return ["_bucket", "_sum", "_count"].first { bare.hasSuffix("_seconds\($0)") }
                    .map { String(bare.dropLast($0.count)) } ?? bare
            }
            let covered = Set(moved.map(base))
            let missing = Set(shown.map(base)).subtracting(covered)
            #expect(missing.isEmpty, "nothing moves \(missing.sorted())")
            let unknown = covered.subtracting(shown.map(base)).subtracting(MetricCatalog.all.map(\.name))
            #expect(unknown.isEmpty, "there is no \(unknown.sorted())")
        }
    }

    @Test("What happens is counted", arguments: NumberCause.allCases)
    func causes(_ cause: NumberCause) async throws {
        try await Self.withWorld(cause.adapt) { world in
            try await cause.prepare(world)
            let before = try await world.pages.numbers()
            try await cause.happen(world)
            try await world.pages.grow(cause.grows, since: before)
            try await cause.end(world)
        }
    }

    @Test("Levels fall again when everybody has gone")
    func levels() async throws {
        try await Self.withWorld { world in
            let client = try await world.proxy.telegramClient()
            try await client.exchange([1])
            await client.close()
            let levels = [
                "martlet_connections_active", "martlet_sessions_active", "martlet_half_open_connections",
                #"martlet_outbound_connections{state="standing"}"#, #"martlet_user_connections{user="anna"}"#,
                "stats:active_connections", "stats:outbound_connections", "stats:ext_connections",
            ]
            try await eventually(timeout: .seconds(60), "empty levels") {
                let now = try await world.pages.numbers()
                return levels.allSatisfy { now[$0] == 0 }
            }
        }
    }

    @Test("What is known of middle proxies' lists and of settings is told")
    func settings() async throws {
        try await Self.withWorld { configuration, _ in
            configuration.limits.acceptsPerSecond = 50
            configuration.listen.socket.windowClampBytes = 4_096
            configuration.middleProxy.adTag = AdTag.counting(from: 1)
        } _: { world in
            let now = try await world.pages.numbers()
            #expect(now["stats:config_size"] > 0 && now["stats:config_md5"] == 32 && now["stats:aes_pwd_hash"] == 32)
            #expect(now["stats:config_auth_clusters"] == 10 && now["stats:allocated_targets"] == 1)
            #expect(now["stats:config_loaded_at"] == now["martlet_middle_proxy_list_timestamp_seconds"])
            #expect(abs(now["stats:current_time"] - now["stats:config_loaded_at"]) < 300)
            #expect(now["stats:max_accept_rate"] == 50 && now["stats:cur_accept_rate_remaining"] == 50)
            #expect(now["stats:window_clamp"] == 4_096 && now["stats:proxy_tag_set"] == 1)
            #expect(now["stats:listening_connections"] == 1 && now["martlet_listening"] == 1)
            #expect(now["stats:workers"] == 1 && now["martlet_event_loops"] == 1)
            #expect(now["martlet_user_quota_bytes"] == 1_000_000_000)
        }
    }

    @Test("Without a route that works nobody is ready, and however many ask, it is looked for once")
    func notReady() async throws {
        try await Self.withWorld { configuration, servers in
            configuration.routes.tcpAddresses = [2: [.loopback(servers.closedPort)]]
        } _: { world in
            let answers = try await withThrowingTaskGroup(of: AdminClient.Answer.self) { [pages = world.pages] group in
                for _ in 0..<5 { group.addTask { try await pages.get("/readyz?json") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 503 && $0.body == answers[0].body })
            #expect(answers[0].body.hasPrefix(#"{"ready":false,"reasons":["tcp "#), "\(answers[0])")
            #expect(answers[0].body.contains("data center 2: refused"))
            #expect(try await world.pages.numbers()["martlet_route_attempts_total"] == 1)
        }
    }

    @Test("A server that stops says so, and is well until it is gone")
    func draining() async throws {
        try await Self.withWorld { configuration, _ in
            configuration.relay.drainMilliseconds = 60_000
        } _: { world in
            let client = try await world.settled()
            let proxy = world.proxy
            #expect(try await world.pages.get("/readyz").status == 200)
            async let stopped: Void = proxy.stop()
            try await eventually(timeout: .seconds(60), "a server that is not ready") {
                try await world.pages.get("/readyz").body == "stopping: nobody is let in any more\n"
            }
            #expect(try await world.pages.get("/healthz").status == 200)
            let now = try await world.pages.numbers()
            #expect(now["martlet_listening"] == 0 && now["stats:listening_connections"] == 0)
            #expect(now["martlet_sessions_active"] == 1)
            await client.close()
            await stopped
        }
    }
}
