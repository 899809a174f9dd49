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
    /// - Returns: false when a limit is reached.
    mutating func enter(_ address: IPAddress?) -> Bool {
        do throws(AdmissionLimits.Refusal) {
            ticket = try shared.admission.withLock { (limits) throws(AdmissionLimits.Refusal) in
                try limits.admit(address)
            }
            return true
        } catch {
            shared.metrics.refused(error)
            return false
        }
    }

    /// The PROXY protocol header said whose connection it is.
    mutating func identify(as address: IPAddress) -> Bool {
        guard var held = ticket else { return false }
        do throws(AdmissionLimits.Refusal) {
            try shared.admission.withLock { (limits) throws(AdmissionLimits.Refusal) in
                try limits.identify(&held, as: address)
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

    mutating func leave() {
        guard var held = ticket else { return }
        ticket = nil
        shared.admission.withLock { $0.close(&held) }
    }
}
