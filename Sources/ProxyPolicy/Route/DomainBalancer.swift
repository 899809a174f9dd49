/// Remembers per data center which Cloudflare domain worked last, so that clients stay with it and the others are
/// spared (media or not makes no difference to a domain).
struct DomainBalancer: Sendable {
    private var preferred: [Int: HostID] = [:]

    func preferredHost(for dataCenterID: Int) -> HostID? { preferred[dataCenterID] }

    mutating func succeeded(_ host: HostID, for dataCenterID: Int) {
        preferred[dataCenterID] = host
    }

    mutating func failed(_ host: HostID, for dataCenterID: Int) {
        if preferred[dataCenterID] == host { preferred[dataCenterID] = nil }
    }

    /// Forgets domains that are not in use any more.
    mutating func keep(where isInUse: (HostID) -> Bool) {
        preferred = preferred.filter { isInUse($0.value) }
    }
}

/// A Worker or a Cloudflare domain, numbered by the book; numbers are never used twice.
struct HostID: Hashable, Sendable {
    var number: Int
}
