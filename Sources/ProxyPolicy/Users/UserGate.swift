package import MTProtoWire

/// Counts one user's open sessions and the addresses that they come from, and says whether one more may come in.
///
/// Times are Unix seconds, because the window outlives a restart in the operator's mind; a clock that was set back
/// keeps no address for longer than one window more.
package struct UserGate: Sendable {
    /// Addresses remembered for a user who has no maximum of them: enough to see that a link has leaked, and some
    /// 64 KiB. Beyond it the oldest are forgotten, so that the count reads "at least about so many".
    package static let addressCapacity = 1_024

    private struct Presence: Sendable {
        var sessions: Int
        /// When a session last began or ended.
        var last: Int64

        func isCounted(now: Int64, window: Int64) -> Bool {
            if sessions > 0 { return true }
            let (age, isOverflow) = now.subtractingReportingOverflow(last)
            return !isOverflow && age < window && age > -window
        }

        /// Those without a session first.
        func isForgottenBefore(_ other: Presence) -> Bool {
            (sessions > 0) == (other.sessions > 0) ? last < other.last : sessions == 0
        }
    }

    package private(set) var connections = 0
    private var presences: [IPAddress: Presence] = [:]

    package init() {}

    /// Addresses in memory: never more than the user's maximum, or ``addressCapacity``.
    package var rememberedAddresses: Int { presences.count }

    /// Whether the user may come in from there now; changes nothing.
    ///
    /// - Parameters:
    ///   - elsewhere: sessions of the user in other processes, which count as well.
    ///   - now: Unix time, seconds.
    package func refusal(
        of user: User, usage: UserUsage, from address: IPAddress, elsewhere: Int = 0, now: Int64
    ) -> UserRefusal? {
        if let refusal = user.refusal(usage: usage, from: address, now: now) { return refusal }
        if let maximum = user.maximumConnections, connections + elsewhere >= maximum { return .connections }
        if let maximum = user.maximumAddresses {
            let window = user.addressWindowSeconds
            let isKnown = presences[Self.group(address)]?.isCounted(now: now, window: window) ?? false
            if !isKnown, count(atMost: maximum, now: now, window: window) >= maximum { return .addresses }
        }
        return nil
    }

    /// Counts one session in. The caller asked `refusal` before, under the same lock.
    package mutating func enter(from address: IPAddress, user: User, now: Int64) {
        connections += 1
        let address = Self.group(address)
        if presences[address] == nil { makeRoom(for: user, now: now) }
        presences[address, default: Presence(sessions: 0, last: now)].sessions += 1
        presences[address]?.last = now
    }

    /// Counts one session out, which `enter` counted in from the same address.
    package mutating func leave(from address: IPAddress, now: Int64) {
        connections = max(connections - 1, 0)
        let address = Self.group(address)
        guard let presence = presences[address] else { return }
        presences[address] = Presence(sessions: max(presence.sessions - 1, 0), last: now)
    }

    /// Different addresses with an open session, or with one that began or ended within the window.
    ///
    /// - Parameter window: seconds.
    package func addresses(now: Int64, window: Int64) -> Int {
        count(atMost: .max, now: now, window: window)
    }

    // MARK: - Parts

    private func count(atMost limit: Int, now: Int64, window: Int64) -> Int {
        // Most users are far from their maximum: nothing has to be looked at then.
        if presences.count < limit, limit != .max { return presences.count }
        return presences.values.count { $0.isCounted(now: now, window: window) }
    }

    private mutating func makeRoom(for user: User, now: Int64) {
        let capacity = max(user.maximumAddresses ?? Self.addressCapacity, 1)
        guard presences.count >= capacity else { return }
        presences = presences.filter { $0.value.isCounted(now: now, window: user.addressWindowSeconds) }
        guard presences.count >= capacity else { return }
        // An eighth at once, so that a crowd of newcomers is not sorted anew for each of them.
        let surplus = presences.count - capacity + 1 + capacity / 8
        let oldest = presences.sorted { $0.value.isForgottenBefore($1.value) }
        for (address, _) in oldest.prefix(surplus) { presences[address] = nil }
    }

    /// Whom an address stands for: IPv4 exactly; IPv6 by /64, which is what one subscriber gets.
    private static func group(_ address: IPAddress) -> IPAddress {
        address.isIPv4 ? address : address.masked(toBits: 64)
    }
}
