package import MTProtoWire

/// Counts connections and says whether one more may come in.
///
/// A connection is half-open (its handshake is not finished), established, or masked (a stranger's, passed on to the
/// mask host). All count in the total; half-open and masked ones are bounded besides, shared fairly between groups of
/// addresses (see `FairTable`); half-open and established ones are bounded per address and per subnet. Loopback and
/// Unix sockets are in no group. No table has more entries than there are connections, that of rates no more than
/// `RateTable.capacity`.
///
/// Times are ms of a clock that never runs backwards.
package struct AdmissionLimits: Sendable {
    /// What an admitted connection holds. Given back by `close`; giving it back twice changes nothing.
    package struct Ticket: Sendable {
        fileprivate enum Stage { case halfOpen, established, masked, closed }
        fileprivate var stage: Stage
        /// Under whom it is counted; nil: nobody in particular.
        fileprivate var address: IPAddress?

        fileprivate var groups: AddressGroups? { AddressGroups(of: address) }
    }

    /// Why a connection is not admitted as a client's. The words do not change: they are names of metrics.
    package enum Refusal: String, Error, Sendable, CaseIterable {
        /// Connections in total.
        case full = "full"
        /// Half-open connections in total.
        case halfOpenFull = "half-open-full"
        /// Half-open connections of the address.
        case halfOpenAddress = "half-open-address"
        /// Half-open connections of the subnet, fewer while there are many.
        case halfOpenSubnet = "half-open-subnet"
        /// Half-open connections of the provider, while there are many.
        case halfOpenProvider = "half-open-provider"
        /// Connections of the address.
        case addressFull = "address-full"
        /// Connections of the subnet.
        case subnetFull = "subnet-full"
        /// Handshakes per second of the subnet.
        case subnetRate = "subnet-rate"
        /// The address is on a list of blocked networks.
        case blocked = "blocked"
        /// The address is on no list of allowed networks.
        case notAllowed = "not-allowed"
        /// A stranger for whom there is no room at the mask host.
        case maskedFull = "masked-full"
    }

    package private(set) var bounds: AdmissionBounds
    package private(set) var connections = 0
    private var halfOpenTable: FairTable
    private var maskedTable: FairTable
    /// Half-open and established ones; counted without a bound as well, since a reload may bring one.
    private var byAddress = GroupCounts()
    private var bySubnet = GroupCounts()
    private var rates: RateTable<IPAddress>?

    package init(_ bounds: AdmissionBounds) {
        self.bounds = bounds
        halfOpenTable = FairTable(
            capacity: bounds.halfOpen, perAddress: bounds.halfOpenPerAddress, perSubnet: bounds.halfOpenPerSubnet
        )
        maskedTable = FairTable(capacity: bounds.masked, perAddress: nil, perSubnet: nil)
        rates = bounds.handshakesPerSecondPerSubnet.map { RateTable(perSecond: $0) }
    }

    /// Takes other bounds. Those who are in stay in, and count: where there are more than a new bound allows, nobody
    /// comes in until enough have left.
    package mutating func reconfigure(_ new: AdmissionBounds) {
        halfOpenTable.rebound(
            capacity: new.halfOpen, perAddress: new.halfOpenPerAddress, perSubnet: new.halfOpenPerSubnet)
        maskedTable.rebound(capacity: new.masked, perAddress: nil, perSubnet: nil)
        if new.handshakesPerSecondPerSubnet != bounds.handshakesPerSecondPerSubnet {
            rates = new.handshakesPerSecondPerSubnet.map { RateTable(perSecond: $0) }
        }
        bounds = new
    }

    package var halfOpen: Int { halfOpenTable.count }
    package var masked: Int { maskedTable.count }
    /// Those that have finished their handshake.
    package var established: Int { connections - halfOpen - masked }
    /// Entries in the tables of groups, a measure of their memory.
    package var groupCount: Int {
        halfOpenTable.groups + maskedTable.groups + byAddress.groups + bySubnet.groups
    }

    // MARK: - Coming in

    /// Takes a place for a new connection, half-open.
    ///
    /// - Parameter address: the client's; nil for a Unix socket's, and when it is not known yet (a PROXY protocol header
    ///   will name it).
    package mutating func admit(_ address: IPAddress?, now: Int64) throws(Refusal) -> Ticket {
        guard connections < bounds.connections else { throw .full }
        let ticket = Ticket(stage: .halfOpen, address: address)
        let groups = ticket.groups
        try check(groups, now: now)
        connections += 1
        addHalfOpen(groups)
        return ticket
    }

    /// Takes a place for a connection that is not admitted as a client's, so that it can go to the mask host like any
    /// stranger's: a prober that is refused shall see the same site as before.
    ///
    /// - Returns: nil when there is no room for it either.
    package mutating func admitRefused(_ address: IPAddress?) -> Ticket? {
        let ticket = Ticket(stage: .masked, address: address)
        guard connections < bounds.connections, maskedTable.refusal(for: ticket.groups) == nil else { return nil }
        connections += 1
        maskedTable.add(ticket.groups)
        return ticket
    }

    /// Counts a half-open connection under the address that its PROXY protocol header names, instead of the one before.
    /// When that address may not have it, the ticket stays as it was: the caller hands it to ``masked(_:)`` or closes.
    package mutating func identify(_ ticket: inout Ticket, as address: IPAddress?, now: Int64) throws(Refusal) {
        guard ticket.stage == .halfOpen, address != ticket.address else { return }
        let before = ticket.groups
        let groups = AddressGroups(of: address)
        removeHalfOpen(before)
        do {
            try check(groups, now: now)
        } catch {
            addHalfOpen(before)
            throw error
        }
        addHalfOpen(groups)
        ticket.address = address
    }

    // MARK: - Going on

    /// The client has proven itself.
    package mutating func handshakeFinished(_ ticket: inout Ticket) {
        guard ticket.stage == .halfOpen else { return }
        halfOpenTable.remove(ticket.groups)
        ticket.stage = .established
    }

    /// The connection is a stranger's and shall be passed on to the mask host.
    ///
    /// - Returns: false when there is no room there, or when the connection is not half-open; it stays what it was.
    package mutating func masked(_ ticket: inout Ticket) -> Bool {
        switch ticket.stage {
        case .masked: return true
        case .established, .closed: return false
        case .halfOpen:
            let groups = ticket.groups
            guard maskedTable.refusal(for: groups) == nil else { return false }
            removeHalfOpen(groups)
            maskedTable.add(groups)
            ticket.stage = .masked
            return true
        }
    }

    /// The connection is gone.
    package mutating func close(_ ticket: inout Ticket) {
        switch ticket.stage {
        case .closed: return
        case .halfOpen: removeHalfOpen(ticket.groups)
        case .established: removeLive(ticket.groups)
        case .masked: maskedTable.remove(ticket.groups)
        }
        ticket.stage = .closed
        connections -= 1
    }

    // MARK: - Parts

    /// The rate comes last: whoever is refused for something else has not begun a handshake.
    private mutating func check(_ groups: AddressGroups?, now: Int64) throws(Refusal) {
        switch halfOpenTable.refusal(for: groups) {
        case .total: throw .halfOpenFull
        case .address: throw .halfOpenAddress
        case .subnet: throw .halfOpenSubnet
        case .provider: throw .halfOpenProvider
        case nil: break
        }
        guard let groups else { return }
        if let most = bounds.perAddress, byAddress[groups.subscriber] >= most { throw .addressFull }
        if let most = bounds.perSubnet, bySubnet[groups.subnet] >= most { throw .subnetFull }
        if rates?.take(groups.subnet, now: now) == false { throw .subnetRate }
    }

    private mutating func addHalfOpen(_ groups: AddressGroups?) {
        halfOpenTable.add(groups)
        guard let groups else { return }
        byAddress.add(groups.subscriber)
        bySubnet.add(groups.subnet)
    }

    private mutating func removeHalfOpen(_ groups: AddressGroups?) {
        halfOpenTable.remove(groups)
        removeLive(groups)
    }

    private mutating func removeLive(_ groups: AddressGroups?) {
        guard let groups else { return }
        byAddress.remove(groups.subscriber)
        bySubnet.remove(groups.subnet)
    }
}
