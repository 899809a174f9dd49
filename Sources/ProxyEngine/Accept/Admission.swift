import MTProtoWire
import ProxyPolicy

/// The place that one connection holds among the limits, from accept to its end.
struct Admission {
    private let shared: EngineState
    private var ticket: AdmissionLimits.Ticket?

    init(_ shared: EngineState) {
        self.shared = shared
    }

    /// - Parameter address: nil while it is not known whose connection it is.
    /// - Returns: false when a limit is reached or the network is not let in.
    mutating func enter(_ address: IPAddress?, _ networks: NetworkRules) -> Bool {
        do throws(AdmissionLimits.Refusal) {
            if let refusal = networks.refusal(for: address) { throw refusal }
            let now = DeadlineWheel.now()
            ticket = try shared.admission.withLock { (limits) throws(AdmissionLimits.Refusal) in
                try limits.admit(address, now: now)
            }
            return true
        } catch {
            shared.metrics.refused(error)
            return false
        }
    }

    /// A place for somebody who was refused, on the way to the mask host; false when there is none either.
    mutating func enterRefused(_ address: IPAddress?) -> Bool {
        ticket = shared.admission.withLock { $0.admitRefused(address) }
        if ticket == nil { shared.metrics.refused(.maskedFull) }
        return ticket != nil
    }

    /// The PROXY protocol header said whose connection it is.
    mutating func identify(as address: IPAddress, _ networks: NetworkRules) -> Bool {
        guard var held = ticket else { return false }
        do throws(AdmissionLimits.Refusal) {
            if let refusal = networks.refusal(for: address) { throw refusal }
            let now = DeadlineWheel.now()
            try shared.admission.withLock { (limits) throws(AdmissionLimits.Refusal) in
                try limits.identify(&held, as: address, now: now)
            }
            ticket = held
            return true
        } catch {
            shared.metrics.refused(error)
            return false
        }
    }

    mutating func handshakeFinished() {
        guard var held = ticket else { return }
        shared.admission.withLock { $0.handshakeFinished(&held) }
        ticket = held
    }

    /// The connection goes to the mask host; false when there is no room for another one.
    mutating func mask() -> Bool {
        guard var held = ticket else { return false }
        let isIn = shared.admission.withLock { $0.masked(&held) }
        ticket = held
        if !isIn { shared.metrics.refused(.maskedFull) }
        return isIn
    }

    mutating func leave() {
        guard var held = ticket else { return }
        ticket = nil
        shared.admission.withLock { $0.close(&held) }
    }
}
