import ProxyEngine
import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Tells the service manager how the server is: datagrams to the socket in NOTIFY_SOCKET (sd_notify(3)). Where there is
/// none, nothing happens.
final class ServiceManager: Sendable {
    enum News: Sendable, Equatable {
        /// Clients are accepted. After a handover this process is the service's main one.
        case ready(status: String)
        case reloading
        /// The reload is over, however it ended.
        case reloaded
        /// - milliseconds: how long the end may take.
        case stopping(milliseconds: Int64, status: String)
        case status(String)
        case alive
        /// That process is the service's main one from now on. Said by the one before it, since its end must not be taken for
        /// the service's.
        case successor(Int32)

        /// As the protocol has it: one assignment per line.
        var text: String {
            switch self {
            case .ready(let status): "READY=1\nMAINPID=\(getpid())\nSTATUS=\(Self.line(status))"
            case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(Self.monotonicMicroseconds)"
            case .reloaded: "READY=1"
            case .stopping(let milliseconds, let status):
                "STOPPING=1\nEXTEND_TIMEOUT_USEC=\(milliseconds * 1_000)\nSTATUS=\(Self.line(status))"
            case .status(let text): "STATUS=\(Self.line(text))"
            case .alive: "WATCHDOG=1"
            case .successor(let process): "MAINPID=\(process)"
            }
        }

        private static func line(_ text: String) -> String { text.replacing("\n", with: " ") }

        private static var monotonicMicroseconds: UInt64 {
            var moment = timespec()
            clock_gettime(CLOCK_MONOTONIC, &moment)
            return UInt64(clamping: moment.tv_sec) * 1_000_000 + UInt64(clamping: moment.tv_nsec / 1_000)
        }
    }

    /// The one that started this process.
    static let current = ServiceManager(variables: HostEnvironment.current.variables)

    private let path: String?
    /// How often it wants to hear from us, at least.
    let watchdogInterval: Duration?
    private let isSilent = Atomic(false)

    init(variables: [String: String]) {
        path = variables["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        // WATCHDOG_PID says whose it is; absent: whoever is the main process.
        let isOurs = variables["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        let microseconds = variables["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdogInterval = path != nil && isOurs && microseconds > 0 ? .microseconds(microseconds) : nil
    }

    var isThere: Bool { path != nil }

    /// Another process is the service now: whatever this one said would be taken for that one's.
    func fallSilent() {
        isSilent.store(true, ordering: .relaxed)
    }

    func notify(_ news: News) {
        guard !isSilent.load(ordering: .relaxed), let path else { return }
        // Of a beat there is soon another one; what changes must not get lost while a busy manager's queue is full.
        Self.send(news.text, to: path, patienceMilliseconds: news == .alive ? 0 : Self.patienceMilliseconds)
    }

    /// How long news wait for a manager that does not read; it has them late or not at all, and nothing fails.
    private static let patienceMilliseconds = 2_000

    private static func send(_ text: String, to path: String, patienceMilliseconds: Int) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        // Linux's names outside of the file system begin with a zero byte and have no end of their own.
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let isAbstract = name.first == 0
        let start = MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2
        let length = isAbstract ? start + name.count : MemoryLayout<sockaddr_un>.size
        #if canImport(Glibc)
            let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        #else
            let file = socket(AF_UNIX, SOCK_DGRAM, 0)
        #endif
        guard file >= 0 else { return }
        defer { close(file) }
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        var patience = timeval(
            tv_sec: patienceMilliseconds / 1_000, tv_usec: suseconds_t(patienceMilliseconds % 1_000 * 1_000))
        setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let flags = patienceMilliseconds == 0 ? Int32(MSG_DONTWAIT) : 0
        let bytes = Array(text.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(file, bytes, bytes.count, flags, $0, socklen_t(length))
            }
        }
    }
}

/// Says that the server lives for as long as every event loop answers, and says when it stops.
///
/// The last of the services, so that it is the first to hear of the end.
struct ServiceManagerService: Service {
    /// What the end may take beyond the drain time: the last bytes, the counters.
    private static let endMilliseconds: Int64 = 15_000

    let manager: ServiceManager
    let control: ProxyControl

    func run() async throws {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await feedWatchdog() }
            try? await gracefulShutdown()
            let milliseconds = control.drainMilliseconds
            manager.notify(
                .stopping(
                    milliseconds: milliseconds + Self.endMilliseconds,
                    status: "stopping: sessions may go on for \(milliseconds / 1_000) s"))
            tasks.cancelAll()
        }
        // It has to be fed until the last session is over.
        if let interval = manager.watchdogInterval { Self.feedUntilTheEnd(manager, interval) }
    }

    /// A loop that hangs keeps this from going on, which is what the watchdog is for.
    private func feedWatchdog() async {
        guard let interval = manager.watchdogInterval else { return }
        repeat {
            await control.allLoopsAnswer()
            manager.notify(.alive)
        } while (try? await Task.sleep(for: interval / 2)) != nil
    }

    /// Until the process ends, which the service manager bounds.
    private static func feedUntilTheEnd(_ manager: ServiceManager, _ interval: Duration) {
        Task.detached {
            while (try? await Task.sleep(for: interval / 2)) != nil { manager.notify(.alive) }
        }
    }
}
