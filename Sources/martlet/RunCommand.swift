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

    @OptionGroup
    var flags: ConfigurationFlags

    func run() async throws {
        let loaded = try flags.load(ownFlags: ["--qr", "--no-qr", "--print-link"])
        let log = try CommandFailure.catching { () throws(StateError) in try LogSystem(loaded.configuration.log) }
        LoggingSystem.bootstrap { _ in log.logger.handler }
        let users = try await openUsers(loaded)
        for note in loaded.notes + users.notes { log.logger.notice("\(note)") }
        // A write to a connection that is gone is an error to handle, not the end of the program.
        signal(SIGPIPE, SIG_IGN)

        let status = await serve(users, log.logger, openFileLimit: OpenFileLimit.raise())
        log.finish()
        if status != .success { throw status.code }
    }

    private func openUsers(_ loaded: LoadedConfiguration) async throws -> OpenedUsers {
        do {
            return try await RunningUsers.open(loaded, declaredIn: flags.file ?? "the configuration")
        } catch let error as StateError {
            return try CommandFailure.catching { () throws(StateError) in throw error }
        } catch let error as StoreError {
            Complaint.write(["\(error)"])
            throw ExitStatus.cannotCreate.code
        }
    }

    /// The one place where the command meets the engine.
    private func serve(_ users: OpenedUsers, _ logger: Logger, openFileLimit: UInt64?) async -> ExitStatus {
        let configuration = users.configuration
        let announcement = Announcement(
            configuration: configuration, logger: logger, terminal: .standardOutput,
            qr: drawsQR.map { $0 ? .always : .never } ?? .automatic, printsLink: printsLink
        )
        let server = ProxyServer(
            configuration: configuration, users: users.entries, logger: logger, openFileLimit: openFileLimit
        ) { started in
            announcement.make(port: started.port, places: started.places, routes: started.routes)
        }
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        var services: [any Service] = []
        if let manager = users.manager {
            services.append(await RunningUsers(manager: manager, control: server.control, logger: logger))
            services.append(
                ControlSocketService(
                    desk: ControlDesk(manager: manager), directory: configuration.stateDirectory, logger: logger))
        }
        // Stopped from the last to the first.
        let group = ServiceGroup(
            services: services + [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        do {
            try await group.run()
            return .success
        } catch let error as ProxyError {
            logger.critical("\(error)", metadata: ["code": "\(error.code.rawValue)"])
            return error.code == .badCertificateFile ? .configuration : .unavailable
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
