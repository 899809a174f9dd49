package import MTProtoWire

/// How one route stands at a moment.
package struct RouteStanding: Sendable, Equatable {
    package var route: Route
    package var dataCenter: DataCenter
    /// Why it ails; nil: sound.
    package var failure: RouteFailure?
    /// How long it still rests, ms.
    package var rest: Int64?
    /// Since it last worked, ms; nil: it has not yet.
    package var workedBefore: Int64?
}

extension RouteBook {
    /// Every route that was tried, to data centers that clients have asked for.
    package func standings(now: Int64) -> [RouteStanding] {
        ladders.sorted { $0.key.description < $1.key.description }.flatMap { dataCenter, ladder in
            ladder.rungs.compactMap { rung in
                guard rung.health.reason != nil || rung.health.lastSuccess != nil else { return nil }
                return RouteStanding(
                    route: rung.route, dataCenter: dataCenter, failure: rung.health.reason,
                    rest: rung.health.isResting(at: now) ? rung.health.until - now : nil,
                    workedBefore: rung.health.lastSuccess.map { now - $0 })
            }
        }
    }
}
