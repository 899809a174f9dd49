/// All secrets, prepared for trials: made once per configuration and shared by the rules of all listeners.
package final class SecretBook: Sendable {
    /// A plain or dd secret.
    struct BareKey: Sendable {
        /// The secret's place in `secrets`.
        let secretIndex: Int
        let key: Block16
    }

    /// What a secret is tried with.
    private enum Place: Sendable {
        /// An index of `bareKeys`.
        case bare(Int)
        /// An index of `fakeTLSKeys`.
        case fakeTLS(Int)
    }

    package let secrets: [NamedSecret]

    /// The plain and dd secrets, in the order of `secrets`.
    let bareKeys: [BareKey]
    /// The ee secrets. Those with the same host name stand together, so that the ones that a hello names are a range.
    let fakeTLSKeys: [FakeTLSKey]

    /// For each of `secrets`.
    private let places: [Place]
    /// Where in `fakeTLSKeys` the secrets of a host name are; the names are in lower case.
    private let ranges: [String: Range<Int>]

    package init(_ secrets: [NamedSecret]) {
        self.secrets = secrets
        var bareKeys: [BareKey] = []
        var places: [Place] = []
        // Host names in the order of their first secrets.
        var names: [String] = []
        var secretsOfName: [String: [Int]] = [:]
        for (index, named) in secrets.enumerated() {
            // An ee secret's place follows below, once all names are known.
            places.append(.bare(bareKeys.count))
            guard case .fakeTLS(let domain) = named.secret.kind else {
                bareKeys.append(BareKey(secretIndex: index, key: named.secret.key))
                continue
            }
            let name = domain.lowercased()
            if secretsOfName[name] == nil { names.append(name) }
            secretsOfName[name, default: []].append(index)
        }

        var fakeTLSKeys: [FakeTLSKey] = []
        var ranges: [String: Range<Int>] = [:]
        for name in names {
            let first = fakeTLSKeys.count
            for index in secretsOfName[name] ?? [] {
                places[index] = .fakeTLS(fakeTLSKeys.count)
                fakeTLSKeys.append(FakeTLSKey(secretIndex: index, key: secrets[index].secret.key))
            }
            ranges[name] = first..<fakeTLSKeys.count
        }
        self.bareKeys = bareKeys
        self.fakeTLSKeys = fakeTLSKeys
        self.places = places
        self.ranges = ranges
    }

    /// In which order to try `fakeTLSKeys` with a hello that asks for `serverName`: the secrets of that host first.
    ///
    /// The name only orders them: clients of ours may leave it out, and a prober may write anything there.
    func order(forServerName serverName: String?) -> TrialOrder {
        TrialOrder(count: fakeTLSKeys.count, first: serverName.flatMap { ranges[$0.lowercased()] } ?? 0..<0)
    }

    /// The plain and dd secrets among some places in `secrets`; what is no such place is left out.
    func bareKeys(among secretIndices: some Sequence<Int>) -> [BareKey] {
        secretIndices.compactMap { index in
            guard places.indices.contains(index), case .bare(let position) = places[index] else { return nil }
            return bareKeys[position]
        }
    }

    /// The indices in `fakeTLSKeys` of the ee secrets among some places in `secrets`; what is no such place is left out.
    func fakeTLSPositions(among secretIndices: some Sequence<Int>) -> [Int] {
        secretIndices.compactMap { index in
            guard places.indices.contains(index), case .fakeTLS(let position) = places[index] else { return nil }
            return position
        }
    }
}

/// The numbers from 0 to `count`, those of one range first.
struct TrialOrder: Sendable, Equatable {
    let count: Int
    /// Lies within 0..<count.
    let first: Range<Int>

    /// Which number comes at a step, of which there are `count`.
    subscript(step: Int) -> Int {
        if step < first.count { return first.lowerBound + step }
        return step < first.upperBound ? step - first.count : step
    }
}
