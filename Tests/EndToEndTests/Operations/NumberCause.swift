/// Something that happens, and the numbers that must grow by it.
enum NumberCause: String, CaseIterable, Sendable {
    case session, leaving, halfOpen, stranger, deadEnd, refusal, crowd, haste, middleProxy, agreement
    case stray, moved, interrupted, pool, retry, eviction, manySecrets, network, stuckLoop, probe, query

    private static let perRoute = [
        #"martlet_sessions_total{route="tcp"}"#, #"martlet_route_attempts_total{route="tcp"}"#,
        #"martlet_route_connect_seconds_count{route="tcp"}"#, #"martlet_route_bytes_total{direction="up",route="tcp"}"#,
        #"martlet_route_bytes_total{direction="down",route="tcp"}"#,
    ]

    private static let perUser = [
        #"martlet_user_connections{user="anna"}"#, #"martlet_user_sessions_total{user="anna"}"#,
        #"martlet_user_bytes_total{user="anna",direction="up"}"#,
        #"martlet_user_bytes_total{user="anna",direction="down"}"#, #"martlet_user_quota_used_bytes{user="anna"}"#,
    ]

    private static let always = words(
        """
        martlet_event_loop_lag_seconds_count martlet_event_loop_turns_total martlet_event_loop_tasks_total
        martlet_event_loop_idle_seconds_total martlet_admin_requests_total process_cpu_seconds_total
        stats:current_time stats:uptime stats:tot_idle_time stats:epoll_calls stats:jobs_created
        """)

    private static let whileOpen = words(
        """
        martlet_connections_total martlet_connections_active martlet_sessions_active martlet_handshake_seconds_count
        martlet_outbound_connections martlet_outbound_attempts_total martlet_deadlines_armed
        martlet_socket_reads_total martlet_socket_read_bytes_total martlet_socket_writes_total
        martlet_socket_written_bytes_total
        stats:active_connections stats:outbound_connections stats:ready_outbound_connections
        stats:active_outbound_connections stats:outbound_connections_created stats:inbound_connections
        stats:active_inbound_connections stats:inbound_connections_accepted stats:active_special_connections
        stats:conn_generation stats:allocated_connections stats:allocated_outbound_connections
        stats:allocated_inbound_connections stats:allocated_socket_connections stats:tcp_readv_calls
        stats:tcp_readv_bytes stats:tcp_writev_calls stats:tcp_writev_bytes stats:allocated_aes_crypto
        stats:job_timers_allocated stats:timer_ops stats:event_timer_insert_ops stats:total_timers
        stats:total_connections stats:total_allocated_connections stats:total_allocated_outbound_connections
        stats:total_allocated_inbound_connections stats:total_allocated_socket_connections
        stats:total_special_connections
        """)

    private static let onLinks = words(
        """
        martlet_middle_proxy_links martlet_middle_proxy_sessions martlet_middle_proxy_link_attempts_total
        martlet_middle_proxy_bindings_total
        stats:ready_targets stats:active_targets stats:rpc_answers_received stats:rpc_sent_queries stats:rpc_qps
        stats:total_rpc_targets stats:total_connections_in_rpc_targets
        stats:tot_forwarded_queries stats:tot_forwarded_responses stats:tot_forwarded_simple_acks
        stats:total_ready_targets stats:total_encrypted_connections stats:ext_connections
        stats:ext_connections_created
        """)

    var grows: [String] {
        switch self {
        case .session:
            Self.perRoute + Self.perUser + Self.always + Self.whileOpen + [
                #"martlet_client_bytes_total{direction="up"}"#, #"martlet_client_bytes_total{direction="down"}"#,
            ]
        case .leaving:
            [#"martlet_sessions_ended_total{reason="client-closed"}"#, "stats:event_timer_remove_ops"]
        case .halfOpen: ["martlet_half_open_connections"]
        case .stranger:
            [
                "martlet_strangers_total", "martlet_masked_connections", #"martlet_mask_bytes_total{direction="up"}"#,
                #"martlet_mask_bytes_total{direction="down"}"#,
            ]
        case .deadEnd:
            [
                #"martlet_route_failures_total{route="tcp"}"#, "martlet_sessions_without_route_total",
                #"martlet_sessions_ended_total{reason="no-route"}"#, "martlet_outbound_failures_total",
                "stats:total_connect_failures",
            ]
        case .refusal: [#"martlet_refused_total{reason="user-connections"}"#, "stats:connections_failed_flood"]
        case .crowd:
            [
                #"martlet_accept_pauses_total{reason="full"}"#, "stats:accept_connection_limit_failed",
                "stats:total_accept_connections_failed",
            ]
        case .haste: [#"martlet_accept_pauses_total{reason="rate"}"#, "stats:accept_rate_limit_failed"]
        case .middleProxy:
            Self.onLinks
                + ["request", "answer", "acknowledgement"].map {
                    #"martlet_middle_proxy_messages_total{kind="\#($0)"}"#
                } + ["used", "ready"].map { #"martlet_middle_proxy_targets{state="\#($0)"}"# }
        case .agreement:
            ["martlet_middle_proxy_key_agreements_total", "stats:tot_dh_rounds", "stats:total_dh_rounds"]
        case .stray:
            [
                #"martlet_middle_proxy_stray_total{kind="answer"}"#, "martlet_middle_proxy_refused_messages_total",
                "stats:dropped_queries", "stats:dropped_responses",
            ]
        case .moved: [#"martlet_middle_proxy_orphans_total{outcome="moved"}"#]
        case .interrupted:
            [#"martlet_middle_proxy_orphans_total{outcome="closed"}"#, "stats:expired_forwarded_queries"]
        case .pool:
            [
                "martlet_pool_idle_upstreams", #"martlet_pool_leases_total{result="hit"}"#,
                "martlet_pool_expired_total", "stats:unused_connections_closed",
            ]
        case .retry: [#"martlet_transport_errors_total{code="-444"}"#, "martlet_session_retries_total"]
        case .eviction:
            [
                "martlet_evicted_sessions_total", "martlet_session_memory_bytes", "stats:connections_failed_lru",
                "stats:total_used_buffers_size", "stats:allocated_buffer_bytes",
                "stats:total_network_buffers_used_size", "stats:total_network_buffers_allocated_bytes",
            ]
        case .manySecrets: ["martlet_secret_trials_total"]
        case .network: ["martlet_network_changes_total"]
        case .stuckLoop: ["martlet_event_loops_unresponsive"]
        case .query:
            Self.words(
                """
                stats:http_connections stats:pending_http_queries stats:http_queries stats:http_bad_headers
                stats:http_qps
                """)
        case .probe: [#"martlet_route_attempts_total{route="tcp"}"#]
        }
    }

    static func words(_ text: String) -> [String] { text.split { $0 == " " || $0 == "\n" }.map(String.init) }
}
