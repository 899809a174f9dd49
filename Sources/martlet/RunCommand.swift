import ArgumentParser
import Logging
import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyStore
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `martlet run`: from the command line to a drained stop.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the proxy. This is what happens without a command as well.",
        discussion: """
            Every option is a flag, an environment variable and a key of the configuration file; they are taken in \
            this order of precedence. Links and the QR code go to stdout when it is a terminal, logs go to stderr.

            EXAMPLES:
              martlet run
              martlet run --host 0.0.0.0 --fake-tls-domain www.example.com
              martlet run --config /etc/martlet.toml --log-format json
              martlet run --cfproxy-worker-domain relay.example.workers.dev

            EXIT CODES:
              0   stopped after the sessions were drained
              64  a flag is wrong
              69  cannot listen: address in use, not available, not permitted
              73  the state directory or the log file cannot be used
              78  the configuration file or a variable is wrong
            """
    )

    @ArgumentParser.Flag(
        name: .customLong("qr"), inversion: .prefixedNo,
        help: "Draw the link as a QR code, or not; the default is to draw it on a terminal."
    )
    var drawsQR: Bool?

    @ArgumentParser.Flag(name: .customLong("print-link"), help: "Print the links even when stdout is no terminal.")
    var printsLink = false

    @ArgumentParser.Flag(
        name: .customLong("take-over"),
        help:
            "Take over from the server that runs on the state directory, without losing a connection. (MARTLET_TAKE_OVER)"
    )
    var takesOver = false

    @OptionGroup
    var flags: ConfigurationFlags

    func run() async throws {
        let inheritance = try HandoverStart.inherit(takesOver: takesOver)
        var run = ServerRun(
            loader: flags.loader(ownFlags: Self.ownFlags), declaredIn: flags.file ?? "the configuration")
        run.drawsQR = drawsQR
        run.printsLink = printsLink
        try await run.start(flags.load(ownFlags: Self.ownFlags), inheritance)
    }

    private static let ownFlags = ["--qr", "--no-qr", "--print-link", "--take-over"]
}

/// A server from its configuration to its end, however that was told.
struct ServerRun {
    /// Reads the configuration again.
    let loader: ConfigurationLoader
    /// Where declared users stand, for messages.
    let declaredIn: String
    var drawsQR: Bool?
    var printsLink = false
    /// For a process that leaves its terminal.
    var daemon: Daemon?

    func start(_ loaded: LoadedConfiguration, _ inheritance: HandoverStart.Inheritance) async throws {
        let configuration = loaded.configuration
        let privileges = try CommandFailure.catching { () throws(StateError) in
            let privileges = try Privileges.toGiveUp(for: configuration)
            try privileges?.take(stateDirectory: configuration.stateDirectory, logFile: nil)
            return privileges
        }
        let log = try CommandFailure.catching { () throws(StateError) in try LogSystem(configuration.log) }
        LoggingSystem.bootstrap { _ in log.logger.handler }
        let start = try await takeOver(inheritance, loaded, log)
        let users = try await openUsers(loaded)
        for note in loaded.notes + users.notes { log.logger.notice("\(note)") }
        try CommandFailure.catching { () throws(StateError) in try daemon?.detach() }
        // A write to a connection that is gone is an error to handle, not the end of the program.
        signal(SIGPIPE, SIG_IGN)
        // Until there is something to reload.
        signal(SIGHUP, SIG_IGN)

        let status = await serve(users, loaded, log, start, privileges, openFileLimit: OpenFileLimit.raise())
        log.finish()
        if status != .success { throw status.code }
    }

    private func takeOver(
        _ inheritance: HandoverStart.Inheritance, _ loaded: LoadedConfiguration, _ log: LogSystem
    ) async throws -> HandoverStart {
        do throws(HandoverProblem) {
            return try await HandoverStart(
                inheritance, directory: loaded.configuration.stateDirectory, logger: log.logger)
        } catch {
            log.finish()
            return try CommandFailure.catching { () throws(HandoverProblem) in throw error }
        }
    }

    private func openUsers(_ loaded: LoadedConfiguration) async throws -> OpenedUsers {
        do {
            return try await RunningUsers.open(loaded, declaredIn: declaredIn)
        } catch let error as StateError {
            return try CommandFailure.catching { () throws(StateError) in throw error }
        } catch let error as StoreError {
            Complaint.write(["\(error)"])
            throw ExitStatus.cannotCreate.code
        }
    }

    /// The one place where the command meets the engine.
    private func serve(
        _ users: OpenedUsers, _ loaded: LoadedConfiguration, _ log: LogSystem, _ start: HandoverStart,
        _ privileges: Privileges?, openFileLimit: UInt64?
    ) async -> ExitStatus {
        let configuration = users.configuration
        let logger = log.logger
        let announcement = Announcement(
            configuration: configuration, logger: logger, terminal: .standardOutput,
            qr: drawsQR.map { $0 ? .always : .never } ?? .automatic, printsLink: printsLink
        )
        let admin = RunningAdmin(configuration, logger)
        let server = ProxyServer(
            configuration: configuration, users: users.entries, logger: logger, openFileLimit: openFileLimit,
            inherited: start.sockets, hooks: start.hooks(givingUp: privileges, for: configuration, log.logger)
        ) { started in
            announcement.make(port: started.port, places: started.places, routes: started.routes)
            let places = started.places.map(\.description).joined(separator: ", ")
            ServiceManager.current.notify(.ready(status: "serving on \(places)"))
        }
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        var services: [any Service] = []
        var running: RunningUsers?
        if let manager = users.manager {
            running = await RunningUsers(manager: manager, control: server.control, logger: logger)
        }
        let reloader = Reloader(
            loader, loaded: loaded, configuration: configuration, users: running,
            control: server.control, log: log)
        if let running {
            let giver = HandoverGiver(users: running, control: server.control, logger: logger)
            let desk = ControlDesk(
                manager: running.manager, reloader: reloader, giver: giver, control: server.control, levels: log.levels)
            let door = ControlDoor(directory: configuration.stateDirectory, logger: logger) { await desk.answer($0) }
            await giver.use(door)
            services += [running, ControlSocketService(door: door, opening: start.opening)]
        }
        services += [await Reloading(reloader), await LogReopening(log, daemon: daemon)]
        if let admin { services.append(admin.service(server.control, logger)) }
        let (control, manager) = (server.control, ServiceManager.current)
        let watch = ServiceManagerService(manager: manager, control: control)
        // Stopped from the last to the first. The server ends by itself when another process has taken over.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) } + [
                    .init(service: server, successTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: watch, successTerminationBehavior: .ignore),
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
        return await run(group, logger)
    }

    private func run(_ group: ServiceGroup, _ logger: Logger) async -> ExitStatus {
        do {
            try await group.run()
            return .success
        } catch let error as ProxyError {
            logger.critical("\(error)", metadata: ["code": "\(error.code.rawValue)"])
            return error.code == .badCertificateFile ? .configuration : .unavailable
        } catch let error as HandoverProblem {
            logger.critical("\(error)")
            return .unavailable
        } catch {
            logger.critical("stopped by an unexpected error", metadata: ["error": "\(error)"])
            return .software
        }
    }
}

/// Says that clients can connect: to a person with links and a QR code, to a log without a secret.
struct Announcement: Sendable {
    var configuration: ProxyConfiguration
    var logger: Logger
    var terminal: Terminal
    var qr: StartupBanner.QRChoice
    var printsLink: Bool

    func make(port: Int, places: [ListenPlace], routes: [RouteReadiness]) {
        if terminal.isInteractive || printsLink || qr == .always {
            let place = places.map(\.description).joined(separator: ", ")
            let links = StartupBanner.LinkPart(
                links: ProxyLink.all(for: configuration, port: port), qr: qr, terminal: terminal
            )
            FileOutput.print(StartupBanner(place: place, links: links, routes: routes).text)
        } else {
            for route in routes {
                let state = route.isReady ? "ready" : "off"
                logger.info(
                    "route",
                    metadata: ["kind": "\(route.kind.rawValue)", "state": "\(state)", "detail": "\(route.detail)"])
            }
            logger.info("run `martlet link` with the same configuration to see the link")
        }
    }
}
