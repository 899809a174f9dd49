#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How this program was started, so that it can be started again: another file at the same path is an upgrade.
struct OwnProgram: Sendable {
    let path: String
    let arguments: [String]

    /// Has to be made before the working directory or the search path can change.
    static let current = OwnProgram(arguments: CommandLine.arguments, host: .current)

    init(arguments: [String], host: HostEnvironment) {
        self.arguments = arguments
        let name = arguments.first ?? ""
        if name.contains("/") {
            path = host.absolute(name)
        } else {
            let directories = (host.variables["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
            path = directories.lazy.map { host.absolute("\($0)/\(name)") }.first { access($0, X_OK) == 0 } ?? name
        }
    }
}

/// A process of this program that is to take over, with what it says on stderr until it does.
final class SuccessorProcess: Sendable {
    /// Set for it alone: the descriptor that becomes its stderr when it has taken over.
    static let marker = "MARTLET_SUCCESSOR_STDERR"
    /// What is kept of its stderr: some twenty lines.
    private static let keptBytes = 4_096
    /// Where the descriptor of the real stderr lies in it.
    private static let errorsDescriptor: Int32 = 3

    private struct State: Sendable {
        var said: [UInt8] = []
        var hasEnded = false
        /// As from waitpid(2).
        var status: Int32?
    }

    let identifier: Int32
    private let state = ThreadSignal(State())

    /// Starts it with the arguments and variables of this process.
    init(_ program: OwnProgram) throws(HandoverProblem) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Self.cannotStart(program, errno) }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        // Out of the way of those numbers that mean something in the other process.
        let errors = fcntl(ends[1], F_DUPFD_CLOEXEC, 16)
        close(ends[1])
        var process: pid_t = 0
        let code = Self.spawn(program, errors: errors, &process)
        close(errors)
        guard code == 0 else {
            close(ends[0])
            throw Self.cannotStart(program, code)
        }
        identifier = process
        let (state, end, child) = (state, ends[0], process)
        if !startThread({ Self.listen(end, state) }) { close(end) }
        _ = startThread {
            var status: Int32 = 0
            while waitpid(child, &status, 0) == -1, errno == EINTR {}
            let ended = status
            state.change { $0.status = ended }
        }
    }

    /// Its last lines on stderr.
    var lastWords: [String] {
        let text = String(decoding: state.change { $0.said }, as: UTF8.self)
        return text.split(separator: "\n").map { LogText.withoutControls(String($0)) }
    }

    /// Whether it runs.
    var isRunning: Bool { state.change { $0.status == nil } }

    /// Ends it, unless it has ended.
    func stop() {
        if isRunning { kill(identifier, SIGKILL) }
    }

    /// Waits until it has ended and everything that it said is here; not longer than some seconds.
    func waitForEnd() {
        state.wait(seconds: 5) { $0.status != nil && $0.hasEnded }
    }

    private static func cannotStart(_ program: OwnProgram, _ code: Int32) -> HandoverProblem {
        HandoverProblem(
            "\(program.path) cannot be started: \(String(cString: strerror(code)))",
            hint: "put the program there, or start a new one with --take-over")
    }

    /// Passes on what it says, and keeps the end of it.
    private static func listen(_ end: Int32, _ state: ThreadSignal<State>) {
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(end, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            let bytes = chunk[..<count]
            _ = FileOutput.write(bytes, to: STDERR_FILENO)
            state.change { $0.said = Array(($0.said + bytes).suffix(keptBytes)) }
        }
        close(end)
        state.change { $0.hasEnded = true }
    }

    private static func spawn(_ program: OwnProgram, errors: Int32, _ process: inout pid_t) -> Int32 {
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, errorsDescriptor)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        // Clients' sockets would stay open in the other process: NIO's do not close by themselves.
        for file in OpenFiles.all where file > STDERR_FILENO { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
        // What this process ignores or holds back, its threads too, the other one has to decide for itself.
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        var variables = ProcessInfo.processInfo.environment
        variables[marker] = "\(errorsDescriptor)"
        // It names this process; the watchdog goes with the service.
        variables["WATCHDOG_PID"] = nil
        return withCStrings(program.arguments) { arguments in
            withCStrings(variables.map { "\($0.key)=\($0.value)" }) { variables in
                posix_spawn(&process, program.path, &actions, &attributes, arguments, variables)
            }
        }
    }

    /// In the process that takes over: what comes from now on goes where the one before wrote.
    static func takeErrors(_ variables: [String: String]) -> (@Sendable () -> Void)? {
        guard let descriptor = variables[marker].flatMap({ Int32($0) }), descriptor == errorsDescriptor else {
            return nil
        }
        unsetenv(marker)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // Those that were opened at the very moment at which this process was started. It has no socket of its own yet.
        for file in OpenFiles.all where file > descriptor && OpenFiles.isSocket(file) { close(file) }
        return {
            dup2(descriptor, STDERR_FILENO)
            close(descriptor)
        }
    }
}

/// The descriptors of this process.
private enum OpenFiles {
    /// Where the system keeps a list of them.
    #if os(Linux)
        private static let list = "/proc/self/fd"
    #else
        private static let list = "/dev/fd"
    #endif

    static var all: [Int32] {
        guard let directory = opendir(list) else { return Array(0..<Int32(clamping: getdtablesize())) }
        defer { closedir(directory) }
        var result: [Int32] = []
        while let entry = readdir(directory) {
            // Looked at in place: an entry is shorter than its type.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
            }
            if let number = Int32(name), number != dirfd(directory) { result.append(number) }
        }
        return result
    }

    static func isSocket(_ file: Int32) -> Bool {
        var status = stat()
        return fstat(file, &status) == 0 && status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK)
    }
}

/// Lends strings as C does it: an array of pointers with a null behind the last one.
private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
}
