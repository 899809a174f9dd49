package import MTProtoWire

/// Counts connections and says whether one more may come in.
///
/// Half-open connections (accepted, handshake not finished) are bounded in total and per client address, so that one
/// stranger cannot fill the table for everybody. The table of addresses never has more entries than there are half-open
/// connections.
package struct AdmissionLimits: Sendable {
    /// What an admitted connection holds. Given back by `close`; giving it back twice changes nothing.
    package struct Ticket: Sendable {
        fileprivate enum Stage { case halfOpen, established, closed }
        fileprivate var stage = Stage.halfOpen
        /// Where it is counted in the table of addresses; nil: nowhere.
        fileprivate var address: IPAddress?
    }

    /// Why a connection is not admitted.
    package enum Refusal: String, Error, Sendable, CaseIterable {
        case full = "full"
        case halfOpenFull = "half-open-full"
        case addressFull = "address-full"
    }

    private let maximumConnections: Int
    private let maximumHalfOpen: Int
    private let maximumHalfOpenPerAddress: Int
    package private(set) var connections = 0
    package private(set) var halfOpen = 0
    private var halfOpenByAddress: [IPAddress: Int] = [:]

    package init(connections: Int, halfOpen: Int, halfOpenPerAddress: Int) {
        maximumConnections = connections
        maximumHalfOpen = min(halfOpen, connections)
        maximumHalfOpenPerAddress = halfOpenPerAddress
    }

    /// Addresses with half-open connections.
    package var addressCount: Int { halfOpenByAddress.count }

    /// - Parameter address: the client's; nil when it is not known yet (a PROXY protocol header will name it).
    package mutating func admit(_ address: IPAddress?) throws(Refusal) -> Ticket {
        guard connections < maximumConnections else { throw .full }
        guard halfOpen < maximumHalfOpen else { throw .halfOpenFull }
        var ticket = Ticket()
        try count(&ticket, address)
        connections += 1
        halfOpen += 1
        return ticket
    }

    /// Counts a connection under the address that its PROXY protocol header names, instead of the one before. When that
    /// address has too many, the ticket stays as it was and the caller closes the connection.
    package mutating func identify(_ ticket: inout Ticket, as address: IPAddress?) throws(Refusal) {
        guard ticket.stage == .halfOpen else { return }
        var renamed = Ticket()
        uncount(ticket)
        do {
            try count(&renamed, address)
        } catch {
            recount(ticket)
            throw error
        }
        ticket = renamed
    }

    /// The client has proven itself (or is a stranger whose bytes go to the mask host).
    package mutating func handshakeFinished(_ ticket: inout Ticket) {
        guard ticket.stage == .halfOpen else { return }
        leaveHalfOpen(&ticket)
        ticket.stage = .established
    }

    /// The connection is gone.
    package mutating func close(_ ticket: inout Ticket) {
        switch ticket.stage {
        case .closed: return
        case .halfOpen: leaveHalfOpen(&ticket)
        case .established: break
        }
        ticket.stage = .closed
        connections -= 1
    }

    // MARK: - Parts

    private mutating func count(_ ticket: inout Ticket, _ address: IPAddress?) throws(Refusal) {
        guard let address = address.flatMap(Self.group) else { return }
        guard halfOpenByAddress[address, default: 0] < maximumHalfOpenPerAddress else { throw .addressFull }
        ticket.address = address
        recount(ticket)
    }

    private mutating func recount(_ ticket: Ticket) {
        guard let address = ticket.address else { return }
        halfOpenByAddress[address, default: 0] += 1
    }

    private mutating func uncount(_ ticket: Ticket) {
        guard let address = ticket.address, let count = halfOpenByAddress[address] else { return }
        halfOpenByAddress[address] = count > 1 ? count - 1 : nil
    }

    private mutating func leaveHalfOpen(_ ticket: inout Ticket) {
        uncount(ticket)
        ticket.address = nil
        halfOpen -= 1
    }

    /// Whom an address stands for: IPv4 exactly; IPv6 by /64, which is what one subscriber gets. Loopback is nobody in
    /// particular: the machine's own user, or a forwarder behind which all clients look the same.
    private static func group(_ address: IPAddress) -> IPAddress? {
        if address.isLoopback { return nil }
        return address.isIPv4 ? address : address.masked(toBits: 64)
    }
}
