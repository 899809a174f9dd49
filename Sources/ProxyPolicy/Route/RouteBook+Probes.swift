package import MTProtoWire

extension RouteBook {
    /// Probes handed out by one call: few connections at once, since many look like an attack to a packet filter.
    static let maximumProbesPerCall = 4
    /// Data centers that no client used for this long are not probed, ms.
    static let probesWithin: Int64 = 10 * 60_000

    /// Routes to try in the background now: their rest ended, and clients want their data center. The caller reports
    /// each with `succeeded(…, evidence: .connection)` or `failed`; until then, or for a minute, it is not handed out
    /// again.
    package mutating func dueProbes(now: Int64) -> [(route: Route, dataCenter: DataCenter)] {
        struct Candidate {
            var dataCenter: DataCenter
            var index: Int
            var restEnd: Int64
        }
        var candidates: [Candidate] = []
        for (dataCenter, ladder) in ladders {
            guard let lastUse = ladder.lastUse, now - lastUse <= Self.probesWithin else { continue }
            for (index, rung) in ladder.rungs.enumerated() where rung.route.kind.isProbed {
                guard let restEnd = restEndIfDue(rung, now: now) else { continue }
                candidates.append(Candidate(dataCenter: dataCenter, index: index, restEnd: restEnd))
            }
        }
        // Whole order, so that the answer does not depend on the order of a dictionary.
        candidates.sort {
            ($0.restEnd, $0.dataCenter.description, $0.index) < ($1.restEnd, $1.dataCenter.description, $1.index)
        }
        var probes: [(route: Route, dataCenter: DataCenter)] = []
        for candidate in candidates {
            guard probes.count < Self.maximumProbesPerCall else { break }
            guard let rung = ladders[candidate.dataCenter]?.rungs[candidate.index],
                // A probe handed out a moment ago may have taken the host.
                restEndIfDue(rung, now: now) != nil
            else { continue }
            markProbe(of: rung, at: candidate.index, for: candidate.dataCenter, now: now)
            probes.append((rung.route, candidate.dataCenter))
        }
        return probes
    }

    /// When the rest of an ailing route ended that a probe can heal now; nil: nothing to do.
    private func restEndIfDue(_ rung: RouteLadder.Rung, now: Int64) -> Int64? {
        let host = rung.host.flatMap { hostHealth[$0] }
        guard !rung.health.isResting(at: now), host?.isResting(at: now) != true else { return nil }
        let own = rung.health.isDueForProbe(at: now) ? rung.health.until : nil
        guard let host, host.reason != nil else { return own }
        return host.isDueForProbe(at: now) ? min(host.until, own ?? host.until) : nil
    }

    private mutating func markProbe(
        of rung: RouteLadder.Rung, at index: Int, for dataCenter: DataCenter, now: Int64
    ) {
        ladders[dataCenter]?.withHealth(of: index) { $0.probeStarted(at: now) }
        if let host = rung.host { hostHealth[host]?.probeStarted(at: now) }
    }
}
