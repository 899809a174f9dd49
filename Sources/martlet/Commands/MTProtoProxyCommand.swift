import ArgumentParser
import ProxySwitching

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `martlet mtproto-proxy`: a server that takes MTProxy's options, for scripts and units that are there already.
struct MTProtoProxyCommand: AsyncParsableCommand {
    /// The command, and the name under which the program does the same.
    static let name = "mtproto-proxy"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Run the proxy with the options of Telegram's MTProxy.",
        usage: "martlet mtproto-proxy <options of MTProxy> <proxy-multi.conf>",
        discussion: """
            Takes the command line of mtproto-proxy with its meaning; docs/switching.md has a table of all options. A \
            link to martlet that is called mtproto-proxy does the same without the command's name.

            EXAMPLE:
              martlet mtproto-proxy -u nobody -p 8888 --http-stats -H 443 -S <secret> --aes-pwd proxy-secret \
            proxy-multi.conf
            """
    )

    @Argument(parsing: .captureForPassthrough, help: "Options and the configuration file, as for mtproto-proxy.")
    var arguments: [String] = []

    func run() async throws {
        let inheritance = try HandoverStart.inherit(takesOver: false)
        let host = HostEnvironment.current
        guard let command = try read(host) else { return }
        for warning in command.warnings { Complaint.write(["\(Self.name): warning: \(warning)"]) }
        let loader = Self.loader(command.translation.toml, host: host)
        let loaded: LoadedConfiguration
        do {
            loaded = try loader.load()
        } catch {
            Complaint.write(error.errors.map { "\(Self.name): \($0)" })
            throw Self.failed
        }
        var run = ServerRun(loader: loader, declaredIn: "the command line")
        if command.daemonizes { run.daemon = Daemon(logFile: command.daemonLog) }
        try await run.start(loaded, inheritance)
    }

    /// What MTProxy exits with when its usage text is shown, and when it cannot start.
    private static let refused = ExitCode(2)
    private static let failed = ExitCode(1)

    private func read(_ host: HostEnvironment) throws -> MTProxyCommand? {
        do {
            if let command = try MTProxyCommand.read(arguments, in: Self.surroundings(host)) { return command }
            Complaint.write([MTProxyCommand.usage])
        } catch let error as MTProxyCommand.Refusal {
            Complaint.write(["\(Self.name): \(error)", "", MTProxyCommand.usage])
        }
        throw Self.refused
    }

    /// The options come from the command line alone: a variable for martlet would change what they mean.
    static func loader(_ toml: String, host: HostEnvironment) -> ConfigurationLoader {
        var host = host
        host.variables = host.variables.filter { !$0.key.hasPrefix("MARTLET_") }
        return ConfigurationLoader(text: (name: name, content: toml), host: host)
    }

    private static func surroundings(_ host: HostEnvironment) -> MTProxyCommand.Surroundings {
        var surroundings = MTProxyCommand.Surroundings(directory: host.workingDirectory)
        let isRoot = geteuid() == 0
        if isRoot { surroundings.defaultUser = "mtproxy" }
        surroundings.hasSecretFile = access("\(host.workingDirectory)/secret", R_OK) == 0
        // Several servers on one machine are usual, and each needs a directory of its own. Root's home is closed to the
        // account that root goes over to, and a server that is replaced has gone over already.
        let isGiven = host.variables["STATE_DIRECTORY"] != nil || host.variables["XDG_STATE_HOME"] != nil
        let base = host.defaultStateDirectory
        surroundings.stateDirectory = { port in
            let shared = "/var/lib/martlet/\(name)-\(port)"
            if !isGiven, isRoot || access(shared, W_OK) == 0 { return shared }
            return base.map { "\($0)/\(name)-\(port)" }
        }
        return surroundings
    }
}

extension Martlet {
    /// Started through a link called `mtproto-proxy`, the program is that command.
    static func main() {
        let arguments = CommandLine.arguments
        let name = arguments.first?.split(separator: "/").last.map(String.init)
        let isLink = name == MTProtoProxyCommand.name
        let words = (isLink ? [MTProtoProxyCommand.name] : []) + arguments.dropFirst()
        // The first thread waits rather than ends: with it gone, the system would show the rights that it had for those
        // of the process, and nothing of the process's files (observed: Linux, /proc/PID).
        let end = ThreadSignal(false)
        Task.detached {
            await main(words)
            end.change { $0 = true }
        }
        end.wait { $0 }
    }
}
