package import MTProtoWire

/// Everything the proxy is told before it starts: one checked value, which a reload replaces as a whole.
///
/// Names, help texts and the forms of values belong to the program's option table; here are only meaning and units.
package struct ProxyConfiguration: Sendable, Equatable {
    package var listen = Listen()
    /// Further places to listen on; ``listen`` is one of its own unless ``Listen/isOff``.
    package var listeners: [ListenerConfiguration] = []
    /// Secrets of users without any limit.
    package var secrets: [NamedSecret] = []
    /// The users that the configuration declares, besides ``secrets``.
    package var users: [User] = []
    package var link = Link()
    package var mask = Mask()
    package var handshake = Handshake()
    package var limits = Limits()
    package var routes = RouteConfiguration()
    package var middleProxy = MiddleProxyConfiguration()
    package var connect = Connect()
    package var pool = Pool()
    package var relay = Relay()
    package var log = Log()
    package var admin = Admin()
    /// Absolute path of the directory for what outlives a restart: the kept secret, the last good domain list.
    package var stateDirectory = ""
    /// The account that a process of root's goes over to; nil: it stays root's.
    package var user: String?

    package init() {}

    /// What holds when nobody says anything else. It has no secret and no state directory: both depend on the user
    /// who starts the program.
    package static let defaults = ProxyConfiguration()
}

extension ProxyConfiguration {
    /// Where clients connect.
    package struct Listen: Sendable, Equatable {
        package var host = IPAddress(v4: 0x7F00_0001)
        /// 0 lets the system choose.
        package var port = 1443
        /// Whether every connection starts with a PROXY protocol header.
        package var proxyProtocol = false
        /// Who may send that header; a connection from elsewhere is a stranger's.
        package var trustedSources: [Network] = Network.loopback
        /// Event loops; 0 chooses: one on a loopback host, else one per core.
        package var threads = 0
        package var transports = ClientTransports.standard
        package var socket = ClientSocketOptions()
        /// Nobody listens here: other listeners are configured, and this one is not.
        package var isOff = false

        package init() {}
    }

    /// What printed links name as the proxy's place, where that differs from where it listens.
    package struct Link: Sendable, Equatable {
        package var server: String?
        package var port: Int?

        package init() {}
    }

    /// What strangers meet.
    package struct Mask: Sendable, Equatable {
        /// The answer to a request that is plainly HTTP.
        package enum HTTPAnswer: String, Sendable, Equatable, CaseIterable {
            /// Hand it to the mask host like every other stranger.
            case pipe
            /// Answer 301 with the mask host's site.
            case redirect
        }

        /// The name of the site that strangers shall see; nil: silence.
        package var host: String?
        /// What is dialled for it; nil together with ``host``.
        package var target: SocketTarget?
        package var httpAnswer = HTTPAnswer.pipe

        package init() {}
    }

    /// Limits of time for becoming a client.
    package struct Handshake: Sendable, Equatable {
        /// From accept to a complete, proven header.
        package var timeoutMilliseconds: Int64 = 10_000
        /// How far a FakeTLS hello's time may be from ours, either way.
        package var timeWindowSeconds: UInt32 = 120
        /// How long an obfuscated2 header is remembered, so that it cannot be played back.
        package var replayLifeSeconds: Int64 = 3_600

        package init() {}
    }

    /// Bounds on how many connections are served at once, and on what they may cost. Nil: no such bound.
    package struct Limits: Sendable, Equatable {
        /// Clients at once; nil: computed from the limit on open files.
        package var connections: Int?
        /// The same per client address (IPv6: per /64).
        package var perAddress: Int?
        /// The same per IPv4 /24 or IPv6 /48.
        package var perSubnet: Int?
        /// Clients that have not finished their handshake, in total.
        package var halfOpen = 4_096
        /// The same per client address (IPv6: per /64).
        package var halfOpenPerAddress = 64
        /// The same per IPv4 /24 or IPv6 /48.
        package var halfOpenPerSubnet = 512
        /// Strangers who are being passed to the mask host; nil: a quarter of ``connections``.
        package var masked: Int?
        /// Connections accepted per second; above it newcomers wait in the kernel's queue.
        package var acceptsPerSecond: Int?
        /// Handshakes begun per second from one IPv4 /24 or IPv6 /48.
        package var handshakesPerSecondPerSubnet: Int?
        /// What sessions may cost together, bytes; nil: half of the machine's memory.
        package var memoryBytes: Int?
        /// Networks whose connections are strangers': files (absolute paths) and URLs.
        package var blockLists: [String] = []
        /// Networks whose connections alone are clients'; empty: all.
        package var allowLists: [String] = []
        /// How often the lists are read and fetched again.
        package var listRefreshSeconds: Int64 = 3_600

        package init() {}
    }

    /// How long upstream routes may take.
    package struct Connect: Sendable, Equatable {
        /// How long a route is tried alone before the next one starts beside it.
        package var headStartMilliseconds: Int64 = 1_000
        /// After this long without any working route the client is let go.
        package var budgetMilliseconds: Int64 = 8_000
        /// How long a connected route may stay silent after the client's first packet.
        package var firstByteTimeoutMilliseconds: Int64 = 5_000
        /// Certificates (PEM) trusted instead of the system's; nil: the system's.
        package var caFile: String?
        /// Whether addresses of this machine that come or go make all routes be tried afresh.
        package var watchesNetwork = true

        package init() {}
    }

    /// Upstream connections made before a client asks.
    package struct Pool: Sendable, Equatable {
        /// Idle connections per (data center, media); 0: no pool.
        package var size = 2
        /// Older ones are thrown away.
        package var maximumAgeMilliseconds: Int64 = 60_000

        package init() {}
    }

    /// The two-way copying of an established session.
    package struct Relay: Sendable, Equatable {
        /// SO_RCVBUF and SO_SNDBUF of both sides; nil: the system's own tuning.
        package var socketBufferBytes: Int?
        /// A session in which no byte moved for this long is closed.
        package var idleTimeoutMilliseconds: Int64 = 3_600_000
        /// How long sessions may go on after SIGTERM or SIGINT.
        package var drainMilliseconds: Int64 = 10_000

        package init() {}
    }

    /// What is logged, how and where.
    package struct Log: Sendable, Equatable {
        /// Severity below which nothing is written; the names of swift-log.
        package enum Level: String, Sendable, Equatable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }

        package enum Format: String, Sendable, Equatable, CaseIterable {
            /// journald under systemd, else text.
            case auto
            case text, json
            /// Without time and level, which the journal keeps itself; the level is a number in front.
            case journald
        }

        package var level = Level.info
        /// Levels of single subsystems, instead of ``level``.
        package var levels: [LogSubsystem: Level] = [:]
        package var format = Format.auto
        /// Whether lines go to the system's log, too.
        package var usesSyslog = false
        /// A file written beside stderr; nil: stderr alone.
        package var file: String?
        /// The file is put aside when it would grow beyond this.
        package var maximumBytes = 5 << 20
        /// Files put aside that are kept.
        package var backups = 1

        package init() {}
    }
}
