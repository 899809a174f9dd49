import Logging
import NIOCore
import ProxyEngine
import ProxyPolicy
import Testing

@testable import ProxyAdmin

/// `/stats` has the names of Telegram's own proxy in its order.
@Suite struct StatsPageTests {
    static func page() async -> StatsPage {
        let server = ProxyServer(
            configuration: .defaults, users: [], logger: .init(label: "test"), openFileLimit: 1_000,
            whenListening: { _ in })
        return StatsPage(
            facts: await server.control.facts(withUsers: false), registry: MetricsRegistry(), process: .read(),
            load: LoadHistory.Report(), version: "1.2.3", now: 2_000_000_000, sinceTurn: 0.25, generation: 0.001)
    }

    /// The page's names and section marks, as documented for Telegram's own proxy.
    private static let names = """
        pid start_time current_time uptime tot_idle_time average_idle_percent recent_idle_percent active_network_events
        time_after_epoll epoll_calls epoll_intr PID
        >connections active_connections active_dh_connections outbound_connections ready_outbound_connections
        active_outbound_connections outbound_connections_created total_connect_failures inbound_connections
        active_inbound_connections inbound_connections_accepted listening_connections unused_connections_closed
        ready_targets allocated_targets active_targets inactive_targets free_targets max_connections
        active_special_connections max_special_connections max_accept_rate cur_accept_rate_remaining max_connection
        conn_generation allocated_connections allocated_outbound_connections allocated_inbound_connections
        allocated_socket_connections tcp_readv_calls tcp_readv_intr tcp_readv_bytes tcp_writev_calls tcp_writev_intr
        tcp_writev_bytes free_later_size free_later_total accept_calls_failed accept_nonblock_set_failed
        accept_connection_limit_failed accept_rate_limit_failed accept_init_accepted_failed <connections
        >raw_msg rwm_total_msgs rwm_total_msg_parts <raw_msg
        >raw_msg_buffer total_used_buffers_size total_used_buffers allocated_buffer_bytes buffer_chunk_alloc_ops
        allocated_buffer_chunks max_allocated_buffer_chunks max_buffer_chunks max_allocated_buffer_bytes <raw_msg_buffer
        >tl_parse rpc_queries_received rpc_answers_error rpc_answers_received rpc_sent_errors rpc_sent_answers
        rpc_sent_queries tl_in_allocated tl_out_allocated rpc_qps default_rpc_flags <tl_parse
        >crypto_aes allocated_aes_crypto allocated_aes_crypto_temp aes_pwd_hash <crypto_aes
        >crypto_dh tot_dh_rounds <crypto_dh
        >jobs thread_average_idle_percent thread_recent_idle_percent tot_threads thread_load_average_user
        thread_load_average_sys thread_load_average thread_load_recent_user thread_load_recent_sys thread_load_recent
        load_average_user load_average_sys load_average_total load_recent_user load_recent_sys load_recent_total
        max_average_user max_average_sys max_average_total max_recent_user max_recent_sys max_recent_total
        job_timers_allocated jobs_created jobs_active jobs_running jobs_allocated_memory timer_ops timer_ops_scheduler
        <jobs >mp_queue <mp_queue
        >timers event_timer_insert_ops event_timer_remove_ops event_timer_alarms total_timers <timers
        >rpc_targets total_rpc_targets total_connections_in_rpc_targets <rpc_targets
        stats_generate_time vmsize_bytes vmrss_bytes vmdata_bytes
        config_filename config_loaded_at config_size config_md5 config_auth_clusters workers queries_get qps_get
        tot_forwarded_queries expired_forwarded_queries dropped_queries tot_forwarded_responses dropped_responses
        tot_forwarded_simple_acks dropped_simple_acks active_rpcs_created active_rpcs rpc_dropped_answers
        rpc_dropped_running window_clamp total_ready_targets total_allocated_targets total_declared_targets
        total_inactive_targets total_connections total_encrypted_connections total_allocated_connections
        total_allocated_outbound_connections total_allocated_inbound_connections total_allocated_socket_connections
        total_dh_connections total_dh_rounds total_special_connections total_max_special_connections
        total_accept_connections_failed ext_connections ext_connections_created total_active_network_events
        total_network_buffers_used_size total_network_buffers_allocated_bytes total_network_buffers_used
        total_network_buffer_chunks_allocated total_network_buffer_chunks_allocated_max mtproto_proxy_errors
        connections_failed_lru connections_failed_flood http_connections pending_http_queries http_queries
        http_bad_headers http_qps proxy_mode proxy_tag_set version
        """.split { $0 == " " || $0 == "\n" }.map(String.init)

    @Test func `Names and sections stand in their order`() async {
        let lines = await Self.page().text.split(separator: "\n").map { line -> String in
            let parts = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            #expect(parts.count == 2)
            let name = parts[0].trimmingPrefix(">>>>>>").trimmingPrefix("<<<<<<")
            if name.hasSuffix(">>>>>>") {
                #expect(parts[1] == "start")
                return ">\(name.dropLast(6))"
            }
            if name.hasSuffix("<<<<<<") {
                #expect(parts[1] == "end")
                return "<\(name.dropLast(6))"
            }
            return String(name)
        }
        #expect(lines == Self.names)
    }

    @Test func `Values have the shape that programs expect`() async {
        let page = await Self.page()
        var values: [String: String] = [:]
        for line in page.text.split(separator: "\n") {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
            values[String(parts[0])] = String(parts[1])
        }
        #expect(values["current_time"] == "2000000000" && values["time_after_epoll"] == "0.250")
        #expect(values["tot_dh_rounds"] == "0 0 0" && values["total_accept_connections_failed"] == "0 0 0 0 0")
        #expect(values["version"] == "martlet-1.2.3" && values["proxy_mode"] == "2")
        let address = /\[0\.0\.0\.0:65535:[0-9]+:[0-9]+\]/
        #expect(values["PID"]?.wholeMatch(of: address) != nil)
        let words: Set = ["PID", "config_filename", "config_md5", "aes_pwd_hash", "version", "tot_dh_rounds"]
        for (name, value) in values where !words.contains(name) && !name.hasPrefix("total_dh_r") {
            guard !name.hasPrefix(">"), !name.hasPrefix("<"), name != "total_accept_connections_failed" else {
                continue
            }
            #expect(Double(value) != nil, "\(name) \(value)")
        }
        #if os(Linux)
            for name in ["vmsize_bytes", "vmrss_bytes", "vmdata_bytes", "tot_threads", "max_connection"] {
                #expect(values[name].flatMap { Int($0) } ?? 0 > 0, "\(name)")
            }
        #endif
    }

    @Test(
        arguments: [
            (0, "0.000"), (1.5, "1.500"), (-0.25, "-0.250"), (0.0004, "0.000"), (-0.0001, "0.000"),
            (99.9996, "100.000"),
            (.nan, "0.000"), (.infinity, "0.000"), (1e18, "0.000"), (12.034, "12.034"),
        ] as [(Double, String)])
    func `Fractions have three decimals`(value: Double, expected: String) {
        #expect(StatsPage.fixed(value) == expected)
    }

    @Test func `Load is told for the whole time and for lately`() {
        let start = NIODeadline.uptimeNanoseconds(0)
        func sample(_ seconds: Int64, idle: UInt64, user: Double) -> LoadHistory.Sample {
            LoadHistory.Sample(
                time: start + .seconds(seconds), idleNanoseconds: idle * 1_000_000_000, user: user, system: 0)
        }
        let history = LoadHistory(start: sample(0, idle: 0, user: 0))
        for round in 1...5 { history.note(sample(Int64(round * 10), idle: 0, user: Double(round * 10)), loops: 2) }
        // Idle for 20 seconds since then, as both loops were.
        let report = history.report(at: sample(70, idle: 40, user: 50), loops: 2)
        #expect(abs(report.average.idlePercent - 100 * 40 / 140.0) < 0.01)
        #expect(abs(report.recent.idlePercent - 100 * 40 / 80.0) < 0.01)
        #expect(abs(report.average.userPercent - 100 * 50 / 70.0) < 0.01)
        #expect(abs(report.recent.userPercent - 100 * 20 / 40.0) < 0.01)
        #expect(abs(report.highestRecent.userPercent - 100) < 0.01)
    }
}
