/// The options of MTProxy's command line.
enum MTProxyOptions {
    /// `-R` is GetPageSpeed's; the rest is Telegram's.
    static let all: [CommandOption] = [
        option("help", "h"), option("verbosity", nil, .optional), option(nil, "v"), option("user", "u", .required),
        option("port", "p", .required), option("http-ports", "H", .required), option("mtproto-secret", "S", .required),
        option("proxy-tag", "P", .required), option("domain", "D", .required), option("slaves", "M", .required),
        option("max-special-connections", "C", .required), option("connections", "c", .required),
        option("window-clamp", "W", .required), option("ping-interval", "T", .required), option("http-stats"),
        option("ipv6", "6"), option("address", nil, .required), option("nat-info", nil, .required),
        option("aes-pwd", nil, .required), option("log", "l", .required), option("daemonize", "d", .optional),
        option("backlog", "b", .required), option("nice", nil, .required), option("msg-buffers-size", nil, .required),
        option("disable-tcp"), option("cpu-threads", nil, .required), option("io-threads", nil, .required),
        option("multithread"), option("tcp-cpu-threads", nil, .required), option("tcp-iothreads", nil, .required),
        option("crc32c"), option("force-dh"), option("allow-skip-dh"), option("max-accept-rate", nil, .required),
        option("max-dh-accept-rate", nil, .required), option("random-padding-only", "R"),
    ]

    /// What MTProxy takes and martlet does not need, and why.
    static let idle: [String: String] = [
        "ping-interval": "it has no effect in MTProxy either",
        "backlog": "martlet's queue of new connections has 4096 places",
        "nice": "the priority is the service manager's business (Nice= in a unit, or nice(1))",
        "disable-tcp": "martlet is TCP",
        "cpu-threads": threads, "io-threads": threads, "multithread": threads, "tcp-cpu-threads": threads,
        "tcp-iothreads": threads,
        "crc32c": "links to middle proxies use CRC32C whenever the other side can",
        "force-dh": "it has no effect in MTProxy either; see middle_proxy.dh_prime",
        "allow-skip-dh": "there is no RPC on the port of the statistics",
        "max-dh-accept-rate": "there is no RPC on the port of the statistics",
    ]

    private static let threads = "martlet's event loops do everything; their number is -M's"

    private static func option(
        _ long: String?, _ short: Character? = nil, _ argument: CommandOption.Argument = .none
    ) -> CommandOption {
        CommandOption(long: long, short: short, argument: argument)
    }
}
