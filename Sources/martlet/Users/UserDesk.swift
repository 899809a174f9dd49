import ArgumentParser
import MTProtoWire
import ProxyPolicy
import ProxyStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The flags that every command on users takes.
struct UserPlaceFlags: ParsableArguments {
    @ArgumentParser.Option(
        name: .customLong("config"),
        help: ArgumentHelp("Configuration file of the server, in TOML. (MARTLET_CONFIG)", valueName: "FILE")
    )
    var file: String?

    @ArgumentParser.Option(
        name: .customLong("state-dir"),
        help: ArgumentHelp("State directory of the server. (state_dir; MARTLET_STATE_DIR)", valueName: "PATH")
    )
    var stateDirectory: String?

    @ArgumentParser.Flag(name: .customLong("json"), help: "Print JSON for programs, errors as well.")
    var printsJSON = false
}

/// Where commands on users are done: by the running server at once, or on the database of one that is stopped.
struct UserDesk {
    let loaded: LoadedConfiguration
    private let declaredIn: String
    private let printsJSON: Bool

    /// How long other commands may keep the database of a stopped server busy, milliseconds.
    private static let patienceMilliseconds = 10_000
    private static let stepMilliseconds = 250

    /// - Throws: an exit code, after everything that is wrong with the configuration was written to stderr.
    init(_ flags: UserPlaceFlags, host: HostEnvironment = .current) throws(ExitCode) {
        let source = flags.stateDirectory.map { GivenSource.stateDirectory($0, host) } ?? GivenSource()
        do throws(ConfigurationFailure) {
            loaded = try ConfigurationLoader(flags: source, file: flags.file, host: host).load()
        } catch {
            Complaint.write(error.errors.map(\.description))
            throw error.exitStatus.code
        }
        let file = flags.file ?? host.variables[EnvironmentSource.configurationFile].flatMap { $0.isEmpty ? nil : $0 }
        declaredIn = file ?? "the configuration"
        printsJSON = flags.printsJSON
    }

    /// Has a request done.
    ///
    /// - Throws: an exit code, after a refusal was told.
    func ask(_ request: ControlRequest) async throws(ExitCode) -> ControlReply {
        let reply: ControlReply
        do throws(StoreError) {
            reply = try await answer(to: request)
        } catch {
            throw refused(ControlError(.store, error.problem, hint: error.hint), status: error.exitStatus)
        }
        if case .failure(let error) = reply { throw refused(error, status: error.exitStatus) }
        return reply
    }

    private func answer(to request: ControlRequest) async throws(StoreError) -> ControlReply {
        let directory = loaded.configuration.stateDirectory
        let client = ControlClient(directory: directory)
        var left = Self.patienceMilliseconds
        while true {
            if let reply = try client.ask(request) { return reply }
            let manager = UserManager(
                declared: loaded.configuration.declaredUsers, directory: directory, declaredIn: declaredIn
            ) { Int64(time(nil)) }
            do throws(StoreError) {
                try await manager.open(patienceMilliseconds: Self.stepMilliseconds)
            } catch {
                // Another command has it, or a server that is just starting and will answer.
                left -= Self.stepMilliseconds
                if error.code == .inUse, left > 0 { continue }
                throw error
            }
            let reply = await manager.perform(request)
            try await manager.close()
            return reply
        }
    }

    private func refused(_ error: ControlError, status: ExitStatus) -> ExitCode {
        if printsJSON { FileOutput.print(JSONOutput.text(ControlReply.failure(error))) }
        Complaint.write([LogText.withoutControls(error.description)])
        return status.code
    }
}

extension StoreError {
    fileprivate var exitStatus: ExitStatus {
        code == .inUse ? .unavailable : .cannotCreate
    }
}

extension ControlError {
    var exitStatus: ExitStatus {
        switch code {
        case .badRequest, .invalid, .notFound, .exists, .declared, .tooLong: .usage
        case .store: .cannotCreate
        case .configuration: .configuration
        case .busy, .timeout, .notRunning, .restart: .unavailable
        }
    }
}
