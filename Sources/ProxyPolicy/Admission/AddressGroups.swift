package import MTProtoWire

/// The circles of addresses that limits are counted by.
///
/// An IPv6 subscriber gets a /64 at least and often a /56, a site a /48, a provider a /32: whoever is given one of
/// these has all addresses in it for nothing, as nobody has with IPv4.
package struct AddressGroups: Hashable, Sendable {
    /// One subscriber: an IPv4 address, an IPv6 /64.
    package let subscriber: IPAddress
    /// One site: an IPv4 /24, an IPv6 /48.
    package let subnet: IPAddress
    /// One provider, or a part of it: an IPv4 /16, an IPv6 /32.
    package let provider: IPAddress

    package init(_ address: IPAddress) {
        let isIPv4 = address.isIPv4
        subscriber = isIPv4 ? address : address.masked(toBits: 64)
        subnet = address.masked(toBits: isIPv4 ? 96 + 24 : 48)
        provider = address.masked(toBits: isIPv4 ? 96 + 16 : 32)
    }

    /// Nil for those who stand for nobody in particular: loopback (the machine's own user, or a forwarder behind which
    /// all clients look the same) and Unix sockets, which have no address.
    package init?(of client: IPAddress?) {
        guard let client, !client.isLoopback else { return nil }
        self.init(client)
    }
}

/// How many of something each group has; a group without any takes no memory.
struct GroupCounts: Sendable {
    private var counts: [IPAddress: Int] = [:]

    var groups: Int { counts.count }

    subscript(group: IPAddress) -> Int { counts[group] ?? 0 }

    mutating func add(_ group: IPAddress) {
        counts[group, default: 0] += 1
    }

    mutating func remove(_ group: IPAddress) {
        guard let count = counts[group] else { return }
        counts[group] = count > 1 ? count - 1 : nil
    }
}
