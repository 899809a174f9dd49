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

/// Martlet itself: what it was told, what it runs on, and whether it runs.
struct ProgramChecks {
    let patient: Patient

    var findings: [Finding] { [configuration, version, cipher, server] + state }

    private var configuration: Finding {
        guard let first = patient.notes.first else { return .pass(.configuration, "valid") }
        let rest = patient.notes.count > 1 ? " (and \(Figures.count(patient.notes.count - 1, "more remark")))" : ""
        return .trouble(
            .warn, .configuration, "valid, with \(Figures.count(patient.notes.count, "remark"))",
            because: first + rest, advice: "see all of them, and correct what is not meant so",
            commands: ["martlet config check"])
    }

    private var version: Finding {
        guard let running = patient.server.status?.version, running != patient.version else {
            return .pass(.version, patient.version)
        }
        return .trouble(
            .warn, .version, "\(patient.version); the server runs \(running)",
            because: "The program was replaced while the server runs.", advice: "restart the server",
            commands: ["systemctl restart martlet"])
    }

    private var cipher: Finding {
        let name = AESCTR.implementationName
        guard name == "portable" else { return .pass(.cipher, name) }
        return .trouble(
            .warn, .cipher, name,
            because: "This processor shows no AES instructions, so that each byte costs many times as much.",
            advice: "in a virtual machine, let the guest see the processor's features (CPU type: host)",
            commands: ["grep -o -w -m1 -e aes -e vaes /proc/cpuinfo"])
    }

    private var server: Finding {
        switch patient.server {
        case .none: return .skipped(.server, "none runs with this state directory")
        case .running(let status, _):
            return .pass(
                .server,
                "runs as process \(status.pid) for \(Figures.span(seconds: Int(clamping: status.uptimeSeconds)))",
                measured: ["pid": Double(status.pid), "uptime_s": Double(status.uptimeSeconds)])
        case .mute(let problem, let hint):
            return .trouble(
                .warn, .server, "cannot be asked", because: "\(problem).", advice: hint,
                commands: ["ls -l \(StateFiles(directory: patient.configuration.stateDirectory).socket)"])
        }
    }

    // MARK: State directory

    private var state: [Finding] {
        let directory = patient.configuration.stateDirectory
        guard !directory.isEmpty else {
            return [
                .trouble(
                    .fail, .state, "none", because: "There is no home directory to keep users, counters and lists in.",
                    advice: "give a directory", commands: ["martlet run --state-dir /var/lib/martlet"])
            ]
        }
        var status = stat()
        guard stat(directory, &status) == 0 else { return [missing(directory)] }
        guard status.st_mode & mode_t(S_IFMT) == mode_t(S_IFDIR) else {
            return [
                .trouble(
                    .fail, .state, "\(directory) is no directory", because: "Nothing can be kept there.",
                    advice: "remove the file, or give another directory (state_dir)", commands: ["ls -ld \(directory)"])
            ]
        }
        guard access(directory, W_OK | X_OK) == 0 else {
            return [
                .trouble(
                    .fail, .state, "\(directory) cannot be written by this account",
                    because: "Users, counters and lists are kept there.",
                    advice: "run this as the account of the server, or give it the directory",
                    commands: ["chown -R martlet \(directory)"])
            ]
        }
        return [Self.modes(directory, Self.openFiles(in: directory, status.st_mode))]
    }

    private func missing(_ directory: String) -> Finding {
        var parent = directory
        while parent.utf8.count > 1, access(parent, F_OK) != 0 {
            parent = parent.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
            if parent.isEmpty { parent = "/" }
        }
        guard access(parent, W_OK | X_OK) != 0 else { return .pass(.state, "\(directory) will be made") }
        return .trouble(
            .fail, .state, "\(directory) cannot be made", because: "\(parent) cannot be written by this account.",
            advice: "make it for the account of the server", commands: ["install -d -m 700 -o martlet \(directory)"])
    }

    /// What others may read although it holds secrets.
    private static func openFiles(in directory: String, _ mode: mode_t) -> [String] {
        // A closed directory closes what is in it.
        guard mode & 0o077 != 0 else { return [] }
        return ["secret", "martlet.db", "martlet.sock", "replay.memory"].map { "\(directory)/\($0)" }.filter { path in
            var status = stat()
            return stat(path, &status) == 0 && status.st_mode & 0o077 != 0
        }
    }

    private static func modes(_ directory: String, _ open: [String]) -> Finding {
        guard !open.isEmpty else { return .pass(.state, directory) }
        return .trouble(
            .warn, .state, "\(directory) is open to other accounts",
            because: "Whoever has an account on this machine can read secrets.", advice: "close it",
            commands: ["chmod 700 \(directory)", "chmod 600 \(open.joined(separator: " "))"])
    }
}
