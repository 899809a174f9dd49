/// What one event loop counts for itself: plain numbers, since nobody else touches them, collected when somebody asks.
package struct LoopCounts: Sendable, Equatable {
    /// Reads of sockets that brought something, of clients and of the upstream side, and their bytes.
    package var reads: UInt64 = 0
    package var readBytes: UInt64 = 0
    /// Pieces handed to sockets, and their bytes.
    package var writes: UInt64 = 0
    package var writtenBytes: UInt64 = 0
    /// Connections towards the outside that were begun, failed before they stood, are being made, and are there.
    package var dialled: UInt64 = 0
    package var dialsFailed: UInt64 = 0
    package var dialling = 0
    package var outbound = 0
    /// Warm upstreams that nobody needed before they were too old.
    package var unusedClosed: UInt64 = 0
    /// Messages of clients passed to middle proxies, and what came back for clients.
    package var requests: UInt64 = 0
    package var answers: UInt64 = 0
    package var acknowledgements: UInt64 = 0
    /// Sessions that were put on a link, moves included.
    package var bindings: UInt64 = 0
    /// Keys that were agreed on by Diffie-Hellman with middle proxies.
    package var agreements: UInt64 = 0

    /// Clients that speak HTTP, and those that wait for an answer; their questions, and requests that were refused.
    package var httpClients = 0
    package var httpWaiting = 0
    package var httpQueries: UInt64 = 0
    package var httpRefused: UInt64 = 0

    package init() {}

    mutating func read(_ bytes: Int) {
        reads &+= 1
        readBytes &+= UInt64(truncatingIfNeeded: bytes)
    }

    mutating func wrote(_ bytes: Int) {
        writes &+= 1
        writtenBytes &+= UInt64(truncatingIfNeeded: bytes)
    }

    package static func += (sum: inout Self, other: Self) {
        sum.reads &+= other.reads
        sum.readBytes &+= other.readBytes
        sum.writes &+= other.writes
        sum.writtenBytes &+= other.writtenBytes
        sum.dialled &+= other.dialled
        sum.dialsFailed &+= other.dialsFailed
        sum.dialling += other.dialling
        sum.outbound += other.outbound
        sum.unusedClosed &+= other.unusedClosed
        sum.requests &+= other.requests
        sum.answers &+= other.answers
        sum.acknowledgements &+= other.acknowledgements
        sum.bindings &+= other.bindings
        sum.agreements &+= other.agreements
        sum.httpClients += other.httpClients
        sum.httpWaiting += other.httpWaiting
        sum.httpQueries &+= other.httpQueries
        sum.httpRefused &+= other.httpRefused
    }
}
