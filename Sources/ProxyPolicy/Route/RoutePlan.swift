package import MTProtoWire

/// All routes to one data center in the order in which to try them.
package struct RoutePlan: Sendable, Equatable {
    /// A route that stands behind others because it failed a short while ago.
    package struct Skipped: Sendable, Equatable {
        package var route: Route
        /// When it takes its place again; milliseconds of the clock that the plan was made with.
        package var until: Int64
        package var because: RouteFailure
    }

    /// What the plan is for: the data center asked for, or the default one in its place.
    package var dataCenter: DataCenter
    /// Every route exactly once; routes that failed lately are among them, further back.
    package var tries: [Route]
    /// Those of `tries` that were moved back, with the reason.
    package var skipped: [Skipped]
}

/// What a success proves.
package enum RouteEvidence: Sendable {
    /// The upstream sent bytes of the data center.
    case session
    /// A connection was opened, up to and including the upgrade; nothing was received over it yet.
    case connection
}

/// One line of the start-up banner: whether a kind of route can be used, and for what.
package struct RouteReadiness: Sendable, Equatable, CustomStringConvertible {
    package var kind: RouteKind
    package var isReady: Bool
    /// For people: the data centers or hosts, or why the kind is not used.
    package var detail: String

    package var description: String { "\(kind.rawValue): \(detail)" }
}
