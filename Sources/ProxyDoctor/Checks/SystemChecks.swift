import ProxyEngine
import ProxyPolicy
import ProxyStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the machine gives: descriptors, memory, the kernel's bounds.
struct SystemChecks {
    let patient: Patient

    var findings: [Finding] { [openFiles] + memory + kernel }

    /// Clients at once that the kernel has to bear: what is configured, else what a well-visited server has.
    private var connections: Int {
        if let wanted = patient.configuration.limits.connections { return wanted }
        return min(
            FileLimit.connections(descriptors: descriptors, pooled: patient.configuration.pooledAtMost),
            Self.usualConnections)
    }

    private static let usualConnections = 20_000

    /// Of the running server, else of this process: both are started by the same account.
    private var descriptors: UInt64? {
        guard let process = patient.server.status?.pid,
            let text = SmallFile.read("/proc/\(process)/limits"), let limit = FileLimitVerdict.limit(in: text)
        else { return patient.openFileLimit }
        return limit == .max ? nil : limit
    }

    private var openFiles: Finding {
        FileLimitVerdict.finding(
            descriptors: descriptors, wanted: patient.configuration.limits.connections,
            pooled: patient.configuration.pooledAtMost, isPublic: patient.configuration.isPublic)
    }

    // MARK: Memory

    private var memory: [Finding] {
        let pages = sysconf(CInt(_SC_PHYS_PAGES))
        let physical = pages > 0 ? UInt64(pages) * UInt64(sysconf(CInt(_SC_PAGESIZE))) : nil
        let cgroup = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].lazy
            .compactMap { SmallFile.read($0, limit: 64) }.compactMap { MemoryLimit.limit(fileText: $0) }.first
        return [
            MemoryVerdict.finding(
                budget: patient.configuration.limits.memoryBytes
                    ?? MemoryLimit.budget(physical: physical, cgroup: cgroup),
                total: [physical, cgroup].compactMap { $0 }.min(), wanted: patient.configuration.limits.connections,
                available: SmallFile.read("/proc/meminfo").flatMap { MemoryVerdict.available(in: $0) })
        ]
    }

    // MARK: Kernel

    private var kernel: [Finding] {
        guard patient.configuration.isPublic else {
            return [.skipped(.kernel, nil, "clients are on this machine: the usual settings will do")]
        }
        let settings = Dictionary(
            uniqueKeysWithValues: KernelVerdict.names.compactMap { name in
                SmallFile.read("/proc/sys/" + name.replacing(".", with: "/"), limit: 4_096).map { (name, $0) }
            })
        guard !settings.isEmpty else { return [.skipped(.kernel, nil, "this system does not tell")] }
        return KernelVerdict.findings(settings, connections: connections)
    }
}

extension ProxyConfiguration {
    /// Upstreams that pools may hold: as many data centers as one app may use, with and without media.
    fileprivate var pooledAtMost: Int { pool.size * 12 }
}

enum FileLimitVerdict {
    /// Fewer clients are no public server.
    private static let fewClients = 1_000

    /// - Parameters:
    ///   - descriptors: nil for no limit.
    ///   - wanted: `limits.connections`, where it is given.
    static func finding(descriptors: UInt64?, wanted: Int?, pooled: Int, isPublic: Bool) -> Finding {
        let possible = FileLimit.connections(descriptors: descriptors, pooled: pooled)
        let measured = ["limit": Double(descriptors ?? 0), "clients": Double(possible)]
        let value = descriptors.map { "\($0) files: \(possible) clients" } ?? "no limit"
        let enough = ["LimitNOFILE=\(2 * max(wanted ?? 0, 32_768) + 1_024)   # in the service's [Service] section"]
        if let wanted, wanted > possible {
            return .trouble(
                .fail, .openFiles, value,
                because:
                    "Each client needs two descriptors: the \(wanted) clients of limits.connections cannot be had.",
                advice: "raise the limit on open files of the service, or lower limits.connections",
                commands: enough + ["ulimit -n \(2 * wanted + 1_024)"], measured: measured)
        }
        if isPublic, wanted == nil, possible < fewClients {
            return .trouble(
                .warn, .openFiles, value, because: "Each client needs two descriptors; others have to wait.",
                advice: "raise the limit on open files of the service", commands: enough, measured: measured)
        }
        return .pass(.openFiles, value, measured: measured)
    }

    /// The soft limit in `/proc/PID/limits`; the largest number: none.
    static func limit(in text: String) -> UInt64? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Max open files") }),
            let word = line.dropFirst("Max open files".count).split(separator: " ").first
        else { return nil }
        return word == "unlimited" ? .max : UInt64(word)
    }
}

enum MemoryVerdict {
    /// - Parameters:
    ///   - budget: of all sessions, bytes.
    ///   - total: of the machine or container; nil: unknown.
    ///   - wanted: `limits.connections`, where it is given.
    ///   - available: what could be had now; nil: unknown.
    static func finding(budget: Int, total: UInt64?, wanted: Int?, available: UInt64?) -> Finding {
        let fitting = MemoryLimit.sessions(budget: budget)
        let value = "\(Figures.bytes(budget)) for sessions: \(fitting) at rest"
        let measured = ["budget": Double(budget), "sessions": Double(fitting), "total": Double(total ?? 0)]
        if let total, budget > Int(clamping: total) {
            return .trouble(
                .fail, .memory, value,
                because:
                    "There are \(Figures.bytes(Int(clamping: total))) in all: the system would kill the server first.",
                advice: "lower limits.memory, or leave it out", commands: ["free -m"], measured: measured)
        }
        if let wanted, wanted > fitting {
            return .trouble(
                .warn, .memory, value,
                because: "The \(wanted) clients of limits.connections do not fit: some will be let go.",
                advice: "give more memory (limits.memory), or lower limits.connections", measured: measured)
        }
        if let available, Int(clamping: available) < budget / 4 {
            return .trouble(
                .warn, .memory, value, because: "Only \(Figures.bytes(Int(clamping: available))) are free now.",
                advice: "see what takes the rest, or lower limits.memory", commands: ["ps aux --sort -rss | head"],
                measured: measured)
        }
        return .pass(.memory, value, measured: measured)
    }

    /// `MemAvailable` of `/proc/meminfo`, bytes.
    static func available(in text: String) -> UInt64? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }) else { return nil }
        return line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }.map { $0 << 10 }
    }
}
