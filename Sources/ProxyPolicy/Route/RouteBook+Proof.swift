package import MTProtoWire

/// A route that worked a while ago.
package struct ProvenRoute: Sendable, Equatable {
    package var route: Route
    package var dataCenter: DataCenter
    /// Since it last worked, ms.
    package var age: Int64
}

extension RouteBook {
    /// The route that worked last, of those that are not resting; nil: none worked within that time, ms.
    package func provenRoute(now: Int64, within: Int64) -> ProvenRoute? {
        var latest: ProvenRoute?
        for (dataCenter, ladder) in ladders {
            for rung in ladder.rungs {
                guard let success = rung.health.lastSuccess, now - success <= within, !rung.health.isResting(at: now),
                    rung.host.flatMap({ hostHealth[$0] })?.isResting(at: now) != true
                else { continue }
                if let latest, latest.age <= now - success { continue }
                latest = ProvenRoute(route: rung.route, dataCenter: dataCenter, age: now - success)
            }
        }
        return latest
    }
}
