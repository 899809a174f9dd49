package import Foundation
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Another program, started with its output in two pipes and nothing to read.
///
/// In place of Foundation's `Process`, which on Linux reads beyond the end of a directory entry while it looks for open
/// descriptors, and now and then crashes by it (observed: Swift 6.3).
package final class ChildProcess: Sendable {
    /// What a run to the end came to.
    package struct Outcome: Sendable {
        /// The exit status; 128 and the signal's number when a signal ended it.
        package var status: Int32
        package var output: [UInt8]
        package var errors: [UInt8]
    }

    /// Its process id.
    package let identifier: Int32
    /// What it writes to stdout.
    package let output: FileHandle
    /// What it writes to stderr.
    package let errors: FileHandle
    private let exitStatus = Mutex<Int32?>(nil)
    /// One at a time: between its making and its marking a pipe must not be passed on to another program, which would
    /// keep it open.
    private static let starting = Mutex<Void>(())

    /// Starts a program.
    /// - Parameters:
    ///   - command: its path, or its name to be looked for, and the arguments.
    ///   - environment: all of its variables; nil: those of this process.
    ///   - descriptors: become 3, 4 and so on in it, as a service manager passes sockets.
    /// - Throws: ``KitError/command(_:)`` when it cannot be started.
    package init(_ command: [String], environment: [String: String]? = nil, descriptors: [CInt] = []) throws {
        let (identifier, output, errors) = try Self.starting.withLock { _ in
            try Self.start(command, environment ?? ProcessInfo.processInfo.environment, descriptors)
        }
        self.identifier = identifier
        self.output = FileHandle(fileDescriptor: output, closeOnDealloc: true)
        self.errors = FileHandle(fileDescriptor: errors, closeOnDealloc: true)
    }

    /// Starts the program and gives its id and the reading ends of its two pipes.
    private static func start(
        _ command: [String], _ environment: [String: String], _ descriptors: [CInt]
    ) throws -> (identifier: pid_t, output: CInt, errors: CInt) {
        let (outputEnd, outputStart) = try makePipe()
        let (errorsEnd, errorsStart) = try makePipe()
        defer {
            close(outputStart)
            close(errorsStart)
        }
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
        #else
            var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, outputStart, 1)
        posix_spawn_file_actions_adddup2(&actions, errorsStart, 2)
        // Copies with numbers that are no target of another one.
        let copies = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 256) }
        defer { for copy in copies { close(copy) } }
        for (index, copy) in copies.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, copy, CInt(3 + index))
        }
        // A test's connections would otherwise stay open in the other program: NIO's sockets do not close by themselves.
        #if canImport(Darwin)
            var attributes: posix_spawnattr_t?
            posix_spawnattr_init(&attributes)
            defer { posix_spawnattr_destroy(&attributes) }
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_CLOEXEC_DEFAULT))
        #else
            // Closed over there, where nothing can be opened in between; that some are not open does no harm.
            for file in CInt(3 + descriptors.count)..<afterLastDescriptor {
                posix_spawn_file_actions_addclose(&actions, file)
            }
        #endif
        let (name, variables) = (command.first ?? "", environment.map { "\($0.key)=\($0.value)" })
        var identifier: pid_t = 0
        let code = withCStrings(command) { arguments in
            withCStrings(variables) { variables in
                #if canImport(Darwin)
                    posix_spawnp(&identifier, name, &actions, &attributes, arguments, variables)
                #else
                    posix_spawnp(&identifier, name, &actions, nil, arguments, variables)
                #endif
            }
        }
        guard code == 0 else {
            close(outputEnd)
            close(errorsEnd)
            throw KitError.command("\(name): \(String(cString: strerror(code)))")
        }
        return (identifier, outputEnd, errorsEnd)
    }

    deinit {
        guard exitStatus.withLock({ $0 }) == nil else { return }
        kill(identifier, SIGKILL)
        waitUntilExit()
    }

    /// Starts a program and waits for its end on a thread of its own.
    package static func run(_ command: [String], environment: [String: String]? = nil) async throws -> Outcome {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Outcome, any Error>) in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result {
                        let child = try ChildProcess(command, environment: environment)
                        // One after the other: what tests run has little to say on stderr.
                        let output = Array(child.output.readDataToEndOfFile())
                        let errors = Array(child.errors.readDataToEndOfFile())
                        return Outcome(status: child.waitUntilExit(), output: output, errors: errors)
                    })
            }
        }
    }

    /// Asks it to end, unless its end was waited for already.
    package func terminate() {
        exitStatus.withLock { if $0 == nil { kill(identifier, SIGTERM) } }
    }

    /// Blocks until it has ended, and gives its ``Outcome/status``.
    @discardableResult
    package func waitUntilExit() -> Int32 {
        if let known = exitStatus.withLock({ $0 }) { return known }
        var raw: Int32 = 0
        while waitpid(identifier, &raw, 0) == -1, errno == EINTR {}
        let signal = raw & 0x7f
        let status = signal == 0 ? raw >> 8 & 0xff : 128 + signal
        exitStatus.withLock { $0 = status }
        return status
    }

    #if !canImport(Darwin)
        /// Above every descriptor that is open, and those that may be opened within moments.
        private static var afterLastDescriptor: CInt {
            var last: CInt = 2
            if let directory = opendir("/proc/self/fd") {
                while let entry = readdir(directory) {
                    // Looked at in place: an entry is shorter than its type.
                    let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                        String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
                    }
                    last = max(last, CInt(name) ?? 0)
                }
                closedir(directory)
            }
            return min(last + 256, CInt(clamping: sysconf(CInt(_SC_OPEN_MAX))))
        }
    #endif

    private static func makePipe() throws -> (end: CInt, start: CInt) {
        var descriptors: [CInt] = [-1, -1]
        guard pipe(&descriptors) == 0 else {
            throw KitError.command("no pipe: \(String(cString: strerror(errno)))")
        }
        for descriptor in descriptors { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        return (descriptors[0], descriptors[1])
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
