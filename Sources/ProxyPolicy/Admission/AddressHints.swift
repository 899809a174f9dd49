package import MTProtoWire

/// Which secrets came from where: a client that connects again is found at once among thousands of secrets.
///
/// Only proven clients are noted, so strangers cannot drive anybody out.
package struct AddressHints: Sendable {
    /// Secrets per group: a family behind one address.
    package static let hintsPerGroup = 4
    /// Groups (IPv4 addresses, IPv6 /64); about 5 MiB when full.
    package static let capacity = 1 << 16

    private struct Hints: Sendable {
        var identifiers = SIMD4<UInt32>()
        var count = 0

        var list: [UInt32] { (0..<count).map { identifiers[$0] } }

        init(_ list: some Sequence<UInt32>) {
            for identifier in list.prefix(AddressHints.hintsPerGroup) {
                identifiers[count] = identifier
                count += 1
            }
        }
    }

    private let capacity: Int
    /// Least recently noted first.
    private var table = LinkedTable<IPAddress, Hints>()

    package init(capacity: Int = Self.capacity) {
        self.capacity = max(capacity, 1)
    }

    /// Groups that are remembered.
    package var count: Int { table.count }

    /// A client from there proved the secret.
    ///
    /// - Parameters:
    ///   - identifier: the caller's number of the secret.
    ///   - address: nil (a Unix socket's) stands for nobody and is not noted.
    package mutating func note(_ identifier: UInt32, for address: IPAddress?) {
        guard let group = Self.group(address) else { return }
        let known = table[group]?.list ?? []
        if known.isEmpty, table.count >= capacity, let oldest = table.first { table.remove(oldest) }
        table.append(group, Hints([identifier] + known.filter { $0 != identifier }))
        table.moveToEnd(group)
    }

    /// Secrets that came from there, most recent first. Asking does not refresh them: strangers ask too.
    package func hints(for address: IPAddress?) -> [UInt32] {
        Self.group(address).flatMap { table[$0]?.list } ?? []
    }

    /// The secret does not exist any more.
    package mutating func forget(_ identifier: UInt32) {
        table.filter { hints in
            let list = hints.list
            if list.contains(identifier) { hints = Hints(list.filter { $0 != identifier }) }
            return hints.count > 0
        }
    }

    private static func group(_ address: IPAddress?) -> IPAddress? {
        // Loopback too: the machine's own user is the likeliest of all to come again.
        address.map { AddressGroups($0).subscriber }
    }
}
