import ProxyPolicy

/// Established sessions, the log, and what is kept on disk.
enum RunningOptions: OptionSection {
    static let title = "Sessions, log and state"

    /// The smallest log file before it is put aside, as in tg-ws-proxy.
    private static let smallestLog = 32 << 10
    private static let largestMegabytes = 1_048_576.0

    static let options: [OptionDefinition] = [
        .value(
            "relay.buffer_kb", flag: "buf-kb", \.configuration.relay.socketBufferBytes, socketBuffer,
            "Size of the sockets' buffers in KiB; 0 leaves it to the system.", example: "256"
        ),
        .value(
            "relay.idle_timeout", flag: "idle-timeout", \.configuration.relay.idleTimeoutMilliseconds,
            .duration(1_000...604_800_000), "A session in which nothing moved for this long is closed.",
            example: "30m"
        ),
        .value(
            "relay.drain", flag: "drain-time", \.configuration.relay.drainMilliseconds, .duration(0...3_600_000),
            "How long sessions may go on after SIGTERM or SIGINT.", example: "1m"
        ),
        .value(
            "log.level", flag: "log-level", \.configuration.log.level, .word(placeholder: "LEVEL"),
            "Least severity that is logged: trace, debug, info, notice, warning, error or critical.",
            example: "warning"
        ).withShorthand(
            .init(
                flag: "verbose", short: "v", values: ["debug", "trace"],
                summary: "Log more: the same as --log-level debug; given twice, trace."
            )
        ),
        .value(
            "log.format", flag: "log-format", \.configuration.log.format, .word(placeholder: "FORMAT"),
            "text for people, json for programs, journald for systemd's journal; auto is journald where systemd reads"
                + " stderr, else text.",
            example: "json"
        ),
        .list(
            "log.levels", flag: "log-levels", .subsystemLevel,
            "Levels of single subsystems (clients, routes, middle-proxies, users, server) instead of log.level.",
            example: ["routes=debug", "clients=warning"],
            load: { settings in
                LogSubsystem.allCases.compactMap { name in
                    settings.configuration.log.levels[name].map { SubsystemLevel(subsystem: name, level: $0) }
                }
            },
            store: { levels, settings in
                settings.configuration.log.levels = Dictionary(
                    (levels ?? []).map { ($0.subsystem, $0.level) }, uniquingKeysWith: { $1 })
            }
        ),
        .toggle(
            "log.syslog", flag: "log-syslog", \.configuration.log.usesSyslog, "Log to the system's log (syslog), too."
        ),
        .value(
            "log.file", flag: "log-file", \.configuration.log.file, .path, absence: nil,
            "File to log to, beside stderr.", example: "/var/log/martlet/martlet.log"
        ),
        .value(
            "log.max_mb", flag: "log-max-mb", \.configuration.log.maximumBytes, megabytes,
            "Size in MiB at which the log file is put aside.", example: "20"
        ),
        .value(
            "log.backups", flag: "log-backups", \.configuration.log.backups,
            .raised(to: 1...1_000, placeholder: "COUNT"), "Log files put aside that are kept.", example: "5"
        ),
        .value(
            "state_dir", flag: "state-dir", \.stateDirectory, .path, absence: nil,
            "Directory for what outlives a restart; without it $XDG_STATE_HOME/martlet or ~/.local/state/martlet.",
            example: "/var/lib/martlet"
        ),
        .value(
            "user", flag: "user", \.configuration.user, .account, absence: nil,
            "Account that a process of root's goes over to once its sockets are bound and its files are read.",
            example: "martlet"
        ),
    ]

    /// KiB in text, bytes in the value; 1 to 3 become 4 as in tg-ws-proxy.
    private static let socketBuffer: ValueForm<Int?> = ValueForm(placeholder: "KIB", isNumber: true) {
        text, context throws(InvalidValue) in
        if text == "0" { return nil }
        return try ValueForm<Int>.raised(to: 4...1_048_576, placeholder: "KIB", unit: " KiB").parse(text, &context)
            << 10
    } print: { bytes in
        String((bytes ?? 0) >> 10)
    }

    /// MiB in text, with decimals; bytes in the value.
    private static let megabytes: ValueForm<Int> = ValueForm(placeholder: "MIB", isNumber: true) {
        text, context throws(InvalidValue) in
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
            digits.utf8.last != UInt8(ascii: "."), let number = Double(text), number <= largestMegabytes
        else {
            throw InvalidValue("is not a number of MiB", expected: "a number up to 1048576", example: "0.5")
        }
        let bytes = Int((number * 1_048_576).rounded())
        guard bytes < smallestLog else { return bytes }
        context.notes.append("\(text) MiB was raised to 32 KiB, the smallest value")
        return smallestLog
    } print: { bytes in
        let (whole, rest) = bytes.quotientAndRemainder(dividingBy: 1 << 20)
        return rest == 0 ? String(whole) : "\(Double(bytes) / 1_048_576)"
    }
}
