package import MTProtoWire

/// Why a user may not come in, or may not stay. The raw values are the words of logs and counters.
///
/// The order of the cases is the order in which they are looked at: what the operator decided goes before what the user
/// did, and what lasts goes before what passes by itself.
package enum UserRefusal: String, Error, Sendable, CaseIterable {
    /// Switched off, or removed.
    case disabled = "user-disabled"
    case expired = "user-expired"
    /// The client's address is not one that the user may come from.
    case network = "user-network"
    /// The traffic of the period is used up.
    case quota = "user-quota"
    /// As many sessions as the user may have are open.
    case connections = "user-connections"
    /// As many different addresses as the user may have were seen within the window.
    case addresses = "user-addresses"
}

extension User {
    /// Why the user may not be here at all, whatever else is open: also the reason to end sessions that are open
    /// already. Nil: he may.
    ///
    /// - Parameters:
    ///   - address: the client's.
    ///   - now: Unix time, seconds.
    package func refusal(usage: UserUsage, from address: IPAddress, now: Int64) -> UserRefusal? {
        guard isEnabled else { return .disabled }
        if let expires, now >= expires { return .expired }
        guard mayComeFrom(address) else { return .network }
        guard !usage.isExhausted(quota, now: now) else { return .quota }
        return nil
    }

    private func mayComeFrom(_ address: IPAddress) -> Bool {
        if refusedNetworks.contains(where: { $0.contains(address) }) { return false }
        return allowedNetworks.isEmpty || allowedNetworks.contains { $0.contains(address) }
    }
}
