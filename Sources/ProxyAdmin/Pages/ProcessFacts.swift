#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the system says of this process. What it does not say is 0.
package struct ProcessFacts: Sendable, Equatable {
    package var pid: Int32 = 0
    /// Processor time since the start, seconds.
    package var userSeconds = 0.0
    package var systemSeconds = 0.0
    package var threads = 0
    package var virtualBytes = 0
    package var residentBytes = 0
    package var dataBytes = 0
    /// Descriptors that are open, and the highest of them.
    package var openFiles = 0
    package var highestFile = 0
    /// The soft limit on open files; nil: none.
    package var fileLimit: UInt64?

    package init() {}

    package static func read() -> ProcessFacts {
        var facts = ProcessFacts()
        facts.pid = getpid()
        facts.fileLimit = softFileLimit()
        #if os(Linux)
            facts.readLinux()
        #else
            facts.readDarwin()
        #endif
        return facts
    }

    /// Only the processor time, user and system.
    static func processorSeconds() -> (user: Double, system: Double) {
        #if os(Linux)
            var facts = ProcessFacts()
            facts.readTimes()
            return (facts.userSeconds, facts.systemSeconds)
        #else
            let facts = ProcessFacts.read()
            return (facts.userSeconds, facts.systemSeconds)
        #endif
    }

    private static func softFileLimit() -> UInt64? {
        var limit = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur != rlim_t.max else { return nil }
        return UInt64(clamping: limit.rlim_cur)
    }
}

#if os(Linux)
    extension ProcessFacts {
        fileprivate mutating func readLinux() {
            readTimes()
            // proc(5): size, resident, shared, text, lib, data and dirty, in pages.
            let pages = Self.text("/proc/self/statm").split(separator: " ").map { Int($0) ?? 0 }
            let page = Int(sysconf(CInt(_SC_PAGESIZE)))
            if pages.count > 5 {
                (virtualBytes, residentBytes, dataBytes) = (pages[0] * page, pages[1] * page, pages[5] * page)
            }
            readFiles()
        }

        /// proc(5): the command in parentheses, which may contain anything, then fields from the third on.
        fileprivate mutating func readTimes() {
            let text = Self.text("/proc/self/stat")
            guard let end = text.lastIndex(of: ")") else { return }
            let fields = text[text.index(after: end)...].split(separator: " ")
            guard fields.count > 17 else { return }
            let tick = Double(max(sysconf(CInt(_SC_CLK_TCK)), 1))
            userSeconds = (Double(fields[11]) ?? 0) / tick
            systemSeconds = (Double(fields[12]) ?? 0) / tick
            threads = Int(fields[17]) ?? 0
        }

        private mutating func readFiles() {
            guard let directory = opendir("/proc/self/fd") else { return }
            defer { closedir(directory) }
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 1) { String(cString: $0) }
                }
                guard let number = Int(name), number != dirfd(directory) else { continue }
                openFiles += 1
                highestFile = max(highestFile, number)
            }
        }

        /// Files of the kernel are short; what is longer is cut.
        private static func text(_ path: String) -> String {
            let file = open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return "" }
            defer { close(file) }
            var bytes = [UInt8](repeating: 0, count: 4_096)
            let count = bytes.withUnsafeMutableBytes { bytes in
                #if canImport(Musl)
                    Musl.read(file, bytes.baseAddress, bytes.count)
                #else
                    Glibc.read(file, bytes.baseAddress, bytes.count)
                #endif
            }
            return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        }
    }
#else
    extension ProcessFacts {
        fileprivate mutating func readDarwin() {
            var usage = rusage()
            if getrusage(RUSAGE_SELF, &usage) == 0 {
                userSeconds = Self.seconds(usage.ru_utime)
                systemSeconds = Self.seconds(usage.ru_stime)
            }
            var task = proc_taskinfo()
            let size = CInt(MemoryLayout<proc_taskinfo>.size)
            if proc_pidinfo(pid, PROC_PIDTASKINFO, 0, &task, size) == size {
                virtualBytes = Int(clamping: task.pti_virtual_size)
                residentBytes = Int(clamping: task.pti_resident_size)
                dataBytes = residentBytes
                threads = Int(task.pti_threadnum)
            }
            readFiles()
        }

        private mutating func readFiles() {
            let each = MemoryLayout<proc_fdinfo>.stride
            // The first call says how much room is needed.
            let wanted = Int(proc_pidinfo(pid, PROC_PIDLISTFDS, 0, nil, 0))
            guard wanted > 0 else { return }
            var files = [proc_fdinfo](repeating: proc_fdinfo(), count: wanted / each + 16)
            let bytes = Int(proc_pidinfo(pid, PROC_PIDLISTFDS, 0, &files, CInt(clamping: files.count * each)))
            let open = files.prefix(max(bytes, 0) / each)
            openFiles = open.count
            highestFile = open.map { Int($0.proc_fd) }.max() ?? 0
        }

        private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    }
#endif
