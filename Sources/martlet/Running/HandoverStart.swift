import ArgumentParser
import Logging
import ProxyEngine
import ProxyPolicy
import ProxyStore

/// How a server begins with what others had before: sockets of the service manager or of the server that it takes over
/// from, and the memory of what was seen.
struct HandoverStart: Sendable {
    /// For containers and units, in place of `--take-over`.
    static let variable = "MARTLET_TAKE_OVER"

    let sockets: InheritedSockets
    private let taker: HandoverTaker?
    private let takeErrors: (@Sendable () -> Void)?
    private let directory: String
    private let logger: Logger
    private let controlOpening: AsyncStream<Void>.Continuation
    /// Ends when the control socket may be opened.
    let opening: AsyncStream<Void>

    /// What this process was started with, taken before anything can be opened or any program started.
    struct Inheritance: Sendable {
        fileprivate let sockets: InheritedSockets?
        fileprivate let takeErrors: (@Sendable () -> Void)?
        fileprivate let takesOver: Bool

        /// - Parameter takesOver: `--take-over` was given.
        init(takesOver: Bool, variables: [String: String] = HostEnvironment.current.variables) throws(HandoverProblem) {
            _ = OwnProgram.current
            takeErrors = SuccessorProcess.takeErrors(variables)
            sockets = try SocketActivation.take(variables)
            var context = ValueContext(directory: "/")
            let isWanted = try? ValueForm.bool.parse(variables[HandoverStart.variable] ?? "false", &context)
            self.takesOver = takesOver || takeErrors != nil || isWanted == true
        }
    }

    /// The same for a command, which ends when it cannot be had.
    static func inherit(takesOver: Bool) throws(ExitCode) -> Inheritance {
        try CommandFailure.catching { () throws(HandoverProblem) in try Inheritance(takesOver: takesOver) }
    }

    /// Asks the running server, where this process is to take over, for its sockets and its database.
    init(_ inheritance: Inheritance, directory: String, logger: Logger) async throws(HandoverProblem) {
        self.directory = directory
        self.logger = logger
        takeErrors = inheritance.takeErrors
        (opening, controlOpening) = AsyncStream<Void>.makeStream()
        taker = inheritance.takesOver ? try await HandoverTaker.begin(directory: directory, logger: logger) : nil
        sockets = taker?.sockets ?? inheritance.sockets ?? .none
        guard inheritance.takesOver else { return }
        if let taker {
            logger.notice(
                "taking over",
                metadata: [
                    "from": "\(taker.predecessor.pid)", "version": "\(LogText.escaped(taker.predecessor.version))",
                    "sockets": "\(sockets.sockets.count)",
                ])
        } else if takeErrors != nil {
            throw HandoverProblem(
                "the server that is to be replaced has ended", hint: "start a new one with `martlet run`")
        } else {
            logger.notice("no server runs on the state directory: there is nothing to take over")
        }
    }

    /// What the engine has to do on its way.
    ///
    /// - Parameter privileges: those that the process has only until it is bound.
    func hooks(
        givingUp privileges: Privileges?, for configuration: ProxyConfiguration, _ logger: Logger
    ) -> ProxyServer.Hooks {
        var hooks = ProxyServer.Hooks()
        hooks.whenBound = {
            guard let privileges else { return }
            try privileges.take(stateDirectory: configuration.stateDirectory, logFile: configuration.log.file)
            try privileges.giveUp()
            logger.notice("root's rights are given up", metadata: ["user": "\(privileges.name)"])
        }
        hooks.beforeAccepting = { control in try await begin(control) }
        hooks.whenStopped = { memory in if let memory { keep(memory) } }
        return hooks
    }

    private func begin(_ control: ProxyControl) async throws {
        if let taker {
            try await taker.finish(control)
            takeErrors?()
        } else if !directory.isEmpty, let memory = ReplayFile(directory: directory).take() {
            control.replays.adopt(memory)
        }
        controlOpening.finish()
    }

    /// For the next start.
    private func keep(_ memory: ReplayMemory) {
        guard !directory.isEmpty else { return }
        do throws(StoreError) {
            try ReplayFile(directory: directory).write(memory)
        } catch {
            logger.warning(
                "what was seen against replays is forgotten: clients with a slow clock may have to wait after the start",
                metadata: ["because": "\(error)"])
        }
    }
}
