package import MTProtoWire
package import ProxyPolicy

/// What a running proxy says of itself: the numbers that are not counted anywhere, but looked up when somebody asks.
package struct EngineFacts: Sendable {
    package var stage: ServingStage.Stage
    /// Unix time of the start, seconds.
    package var startTime: UInt32
    /// Clients now, and how many there may be.
    package var clients: Int
    package var clientLimit: Int
    /// Of these, the ones that have not finished their handshake, and the strangers at the mask host.
    package var halfOpen: Int
    package var masked: Int
    /// Sockets that are listened on.
    package var listeningSockets: Int
    /// Connections accepted per second at most; nil: any number.
    package var acceptRate: Int?
    /// How many of these are left at this moment.
    package var acceptsLeft: Int
    /// Bytes; nil: the system's own.
    package var windowClamp: Int?
    /// What sessions may cost together, bytes.
    package var memoryBudget: Int
    package var middleProxies: MiddleProxyFacts
    /// In the order of the loops; nil for one that did not answer in time.
    package var loops: [LoopFacts?]
    /// How busy they are; nil: nobody watches.
    package var activity: LoopWatch.Facts?
    /// By name; empty when not asked for.
    package var users: [UserFacts]

    /// The counts of all loops that answered.
    package var counts: LoopCounts {
        loops.reduce(into: LoopCounts()) { sum, loop in if let loop { sum += loop.counts } }
    }

    /// One number of all loops that answered.
    package func sum(_ value: (LoopFacts) -> Int) -> Int {
        loops.reduce(0) { $0 + ($1.map(value) ?? 0) }
    }
}

/// What one event loop says of itself.
package struct LoopFacts: Sendable {
    package var counts: LoopCounts
    /// Clients past their handshake.
    package var serving: Int
    /// Warm upstreams that wait for a client, and those that are being opened.
    package var warm: Int
    package var warming: Int
    package var links: LinkFacts
    /// Deadlines that are armed, and what was done to them since the start.
    package var deadlines: DeadlineCounts
    /// Buffers that sessions share, bytes.
    package var sharedBufferBytes: Int
    /// From asking the loop to its answer, seconds.
    package var lag: Double
}

/// The links of one event loop to middle proxies.
package struct LinkFacts: Sendable {
    package var ready = 0
    package var opening = 0
    package var sessions = 0
    /// Middle proxies with a link that is ready, and with any link at all.
    package var readyTargets: Set<MiddleProxyTarget> = []
    package var usedTargets: Set<MiddleProxyTarget> = []
}

/// What happened to the deadlines of one wheel.
package struct DeadlineCounts: Sendable, Equatable {
    package var armed = 0
    package var insertions: UInt64 = 0
    package var removals: UInt64 = 0
    package var reached: UInt64 = 0

    package init() {}
}

/// What is known of Telegram's middle proxies.
package struct MiddleProxyFacts: Sendable {
    /// The list that was taken last, as it came; nil: none yet.
    package var list: TakenDocument?
    /// The secret, which is the same for everybody; nil: none yet.
    package var secret: TakenDocument?
    /// Data centers of the list, and middle proxies of all lists.
    package var clusters: Int
    package var targets: Int
    /// Whether any user has an ad tag.
    package var hasTag: Bool
    package var usesDiffieHellman: Bool
}

/// A document of Telegram's, from a file or a page.
package struct TakenDocument: Sendable, Equatable {
    /// Path or URL.
    package var source: String
    /// Unix time, seconds.
    package var takenAt: UInt32
    package var bytes: Int
    /// MD5 of its bytes, in hexadecimal digits.
    package var md5: String
}

/// What one user has open and has moved.
package struct UserFacts: Sendable {
    package var name: String
    package var connections: Int
    package var usage: UserUsage
    /// Bytes; nil: none.
    package var quota: UInt64?
}
