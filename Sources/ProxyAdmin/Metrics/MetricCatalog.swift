/// What every metric means: the help texts of `/metrics`, and what `docs/metrics.md` is compared with.
package enum MetricCatalog {
    package struct Entry: Sendable, Equatable {
        package var name: String
        package var kind: MetricKind
        package var help: String
    }

    package static let all: [Entry] = clients + routes + middleProxies + loops + process + users

    package static func help(_ name: String) -> String { entries[name]?.help ?? "Not described." }
    static func kind(_ name: String) -> MetricKind { entries[name]?.kind ?? .gauge }

    private static let entries = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }

    private static func counter(_ name: String, _ help: String) -> Entry {
        Entry(name: name, kind: .counter, help: help)
    }

    private static func gauge(_ name: String, _ help: String) -> Entry { Entry(name: name, kind: .gauge, help: help) }

    private static func histogram(_ name: String, _ help: String) -> Entry {
        Entry(name: name, kind: .histogram, help: help)
    }

    private static let clients = [
        gauge("martlet_build_info", "Always 1; the label says which version runs."),
        gauge("martlet_listening", "Whether newcomers are accepted: 1, or 0 while starting and stopping."),
        counter("martlet_connections_total", "Connections accepted."),
        gauge("martlet_connections_active", "Connections of clients and strangers that are open."),
        gauge("martlet_connections_limit", "How many connections there may be at once."),
        gauge("martlet_half_open_connections", "Connections whose handshake is not finished."),
        gauge("martlet_masked_connections", "Strangers who are being passed to the mask host."),
        gauge("martlet_sessions_active", "Clients past their handshake."),
        counter("martlet_sessions_total", "Sessions that got an upstream, by kind of route."),
        counter("martlet_sessions_ended_total", "Sessions that ended, by reason."),
        counter("martlet_sessions_without_route_total", "Clients for whom no route worked."),
        counter("martlet_session_retries_total", "Sessions moved to another route before the first answer."),
        histogram("martlet_handshake_seconds", "From accept to a client whose secret is proven."),
        counter("martlet_client_bytes_total", "Bytes of sessions, by direction, without outer framing."),
        counter("martlet_refused_total", "Connections refused, by reason."),
        counter("martlet_strangers_total", "Connections that are no client's, by what gave them away."),
        counter("martlet_mask_bytes_total", "Bytes between strangers and the mask host, by direction."),
        counter("martlet_accept_pauses_total", "Times at which accepting was put off, by reason."),
        counter("martlet_accept_failures_total", "Connections that could not be accepted, as without descriptors."),
        counter("martlet_secret_trials_total", "Secrets tried in searches for newcomers whom no hint names."),
        gauge("martlet_session_memory_bytes", "What sessions hold in memory, as measured last."),
        gauge("martlet_memory_budget_bytes", "What sessions may hold before some are closed."),
        counter("martlet_evicted_sessions_total", "Sessions closed to keep within the memory budget."),
    ]

    private static let routes = [
        counter("martlet_route_attempts_total", "Upstream routes dialled, by kind."),
        counter("martlet_route_failures_total", "Failures of upstream routes, by kind."),
        histogram("martlet_route_connect_seconds", "From dialling a route to its being open, by kind."),
        counter("martlet_route_bytes_total", "Bytes of sessions, by kind of route and direction."),
        counter("martlet_transport_errors_total", "Transport errors that data centers answered with, by code."),
        counter("martlet_network_changes_total", "Changes of this machine's network that were noticed."),
        counter("martlet_pool_leases_total", "Clients who found a warm upstream (hit) or none (miss)."),
        gauge("martlet_pool_idle_upstreams", "Warm upstreams that wait for a client."),
        gauge("martlet_pool_opening_upstreams", "Warm upstreams that are being opened."),
        counter("martlet_pool_expired_total", "Warm upstreams closed because nobody needed them in time."),
        gauge("martlet_outbound_connections", "Connections towards the outside, by state."),
        counter("martlet_outbound_attempts_total", "Connections towards the outside that were begun."),
        counter("martlet_outbound_failures_total", "Connections towards the outside that never stood."),
    ]

    private static let middleProxies = [
        gauge("martlet_middle_proxy_links", "Links to middle proxies that are ready."),
        gauge("martlet_middle_proxy_links_opening", "Links to middle proxies that are being opened."),
        gauge("martlet_middle_proxy_sessions", "Sessions that are on a link."),
        gauge("martlet_middle_proxy_targets", "Middle proxies: known from the lists, used, and ready."),
        gauge("martlet_middle_proxy_list_timestamp_seconds", "When Telegram's list was taken last; 0: never."),
        gauge("martlet_middle_proxy_clock_skew_seconds", "A middle proxy's clock minus ours, as seen last."),
        counter("martlet_middle_proxy_link_attempts_total", "Links to middle proxies that were begun."),
        counter("martlet_middle_proxy_key_agreements_total", "Links whose keys were agreed on by Diffie-Hellman."),
        counter("martlet_middle_proxy_bindings_total", "Sessions put on a link, moves included."),
        counter("martlet_middle_proxy_messages_total", "Messages passed on between clients and links, by kind."),
        counter("martlet_middle_proxy_orphans_total", "Sessions that lost their link amid traffic, by outcome."),
        counter("martlet_middle_proxy_slow_clients_total", "Clients let go because they did not read."),
        counter("martlet_middle_proxy_refused_messages_total", "Clients' messages that are no MTProto."),
        counter("martlet_middle_proxy_stray_total", "Frames that concern no session, by kind."),
    ]

    private static let loops = [
        gauge("martlet_event_loops", "Event loops that serve clients."),
        gauge("martlet_event_loops_unresponsive", "Event loops that did not answer within two seconds."),
        histogram("martlet_event_loop_lag_seconds", "From asking an event loop to its answer."),
        counter("martlet_event_loop_turns_total", "Turns of all event loops."),
        counter("martlet_event_loop_tasks_total", "Tasks that event loops did besides reading and writing."),
        counter("martlet_event_loop_idle_seconds_total", "Time that event loops waited, all together."),
        gauge("martlet_deadlines_armed", "Deadlines of connections that are running."),
        counter("martlet_socket_reads_total", "Reads of sockets that brought something."),
        counter("martlet_socket_read_bytes_total", "Bytes read from sockets."),
        counter("martlet_socket_writes_total", "Pieces handed to sockets."),
        counter("martlet_socket_written_bytes_total", "Bytes handed to sockets."),
        counter("martlet_admin_requests_total", "Requests answered on the admin place, by status."),
        counter("martlet_metrics_dropped_series_total", "Series that were wanted beyond the bound of the registry."),
    ]

    private static let process = [
        counter("process_cpu_seconds_total", "Processor time, user and system."),
        gauge("process_resident_memory_bytes", "Resident memory."),
        gauge("process_virtual_memory_bytes", "Virtual memory."),
        gauge("process_open_fds", "Open file descriptors."),
        gauge("process_max_fds", "How many file descriptors may be open."),
        gauge("process_threads", "Threads."),
        gauge("process_start_time_seconds", "Start of the process, Unix time."),
    ]

    private static let users = [
        gauge("martlet_user_connections", "Sessions that are open, by user."),
        counter("martlet_user_sessions_total", "Sessions since the user exists."),
        counter("martlet_user_bytes_total", "Bytes since the user exists, by direction."),
        gauge("martlet_user_quota_used_bytes", "Bytes that count against the quota of this period."),
        gauge("martlet_user_quota_bytes", "The quota; only of users who have one."),
    ]
}
