/// Places that strangers may take: bounded in total and for every group of addresses, such that nobody can fill the
/// table for everybody.
///
/// Up to half full, only the fixed bounds per address and per subnet hold. Above that, what a group may hold shrinks with
/// the free places: a subnet (IPv4 /24, IPv6 /48) may hold a sixteenth as many as are free, a provider (IPv4 /16, IPv6
/// /32) as many as are free; both at least ``familyShare``, but in the last sixteenth of the table one. So n flooding
/// providers leave a share of 1/(1+n) free however many subnets they use, and somebody from elsewhere gets in as long as
/// there is one free place. Nobody who is in is ever pushed out: the deadline of the handshake does that.
///
/// Addresses that stand for nobody in particular (nil groups) are bounded in total alone. The memory is bounded by the
/// places taken: a group without any has no entry.
struct FairTable: Sendable {
    /// Which bound is reached.
    enum Refusal { case total, address, subnet, provider }

    /// What one app or one browser opens at once: Telegram's apps 3 to 8 connections, browsers 6.
    static let familyShare = 8

    private(set) var capacity: Int
    private var perAddress: Int
    private var perSubnet: Int
    private(set) var count = 0
    private var subscribers = GroupCounts()
    private var subnets = GroupCounts()
    private var providers = GroupCounts()

    /// - Parameters:
    ///   - perAddress: places of one subscriber; nil: as many as there are.
    ///   - perSubnet: places of one subnet; nil: as many as there are.
    init(capacity: Int, perAddress: Int?, perSubnet: Int?) {
        self.capacity = max(capacity, 0)
        self.perAddress = perAddress ?? .max
        self.perSubnet = perSubnet ?? .max
    }

    /// Takes other bounds. Those who are in stay in.
    mutating func rebound(capacity: Int, perAddress: Int?, perSubnet: Int?) {
        self.capacity = max(capacity, 0)
        self.perAddress = perAddress ?? .max
        self.perSubnet = perSubnet ?? .max
    }

    /// Groups with an entry, of all three circles.
    var groups: Int { subscribers.groups + subnets.groups + providers.groups }

    func refusal(for groups: AddressGroups?) -> Refusal? {
        guard count < capacity else { return .total }
        guard let groups else { return nil }
        if subscribers[groups.subscriber] >= perAddress { return .address }
        if subnets[groups.subnet] >= subnetShare { return .subnet }
        if providers[groups.provider] >= providerShare { return .provider }
        return nil
    }

    mutating func add(_ groups: AddressGroups?) {
        count += 1
        guard let groups else { return }
        subscribers.add(groups.subscriber)
        subnets.add(groups.subnet)
        providers.add(groups.provider)
    }

    mutating func remove(_ groups: AddressGroups?) {
        count -= 1
        guard let groups else { return }
        subscribers.remove(groups.subscriber)
        subnets.remove(groups.subnet)
        providers.remove(groups.provider)
    }

    private var free: Int { capacity - count }

    private var subnetShare: Int {
        if free > capacity / 2 { return perSubnet }
        return min(perSubnet, max(leastShare, free / 16))
    }

    private var providerShare: Int {
        free > capacity / 2 ? .max : max(leastShare, free)
    }

    private var leastShare: Int { free > capacity / 16 ? Self.familyShare : 1 }
}
