import MTProtoWire

/// What holds over all users together, declared and managed ones.
package enum UserDirectory {
    /// The longest name of a user: fits a column of a list and a label of a counter.
    package static let maximumNameLength = 64

    /// 1 to 64 of ASCII letters, digits and `-._@`.
    package static func isName(_ text: some StringProtocol) -> Bool {
        let bytes = text.utf8
        return !bytes.isEmpty && bytes.count <= maximumNameLength && bytes.allSatisfy(isNameByte)
    }

    /// Everything that is wrong with the users, in their order; a clash is the later one's fault.
    ///
    /// Names are unique, and no proof of a client fits two users: FakeTLS and bare obfuscated2 tell themselves apart, but
    /// among either it is the key alone that names the user, whatever the domain or the padding.
    package static func validate(_ users: [User]) -> [UserProblem] {
        var problems: [UserProblem] = []
        var names: Set<String> = []
        var owners: [Proof: Int] = [:]
        for (index, user) in users.enumerated() {
            var faults: [UserProblem.Fault] = []
            if !isName(user.name) { faults.append(.name) }
            if !names.insert(user.name).inserted { faults.append(.repeatedName) }
            if user.secrets.isEmpty { faults.append(.noSecret) }
            if Set(user.secrets).count < user.secrets.count { faults.append(.repeatedSecret) }
            for proof in Set(user.secrets.map(Proof.init)) {
                let owner = owners[proof, default: index]
                owners[proof] = owner
                if owner != index, !faults.contains(.sharedSecret(with: users[owner].name)) {
                    faults.append(.sharedSecret(with: users[owner].name))
                }
            }
            faults += limitFaults(of: user)
            problems += faults.map { UserProblem(index: index, name: user.name, fault: $0) }
        }
        return problems
    }

    /// What a client proves when it comes in.
    private struct Proof: Hashable {
        var key: Block16
        var isFakeTLS: Bool

        init(_ secret: ProxySecret) {
            key = secret.key
            if case .fakeTLS = secret.kind { isFakeTLS = true } else { isFakeTLS = false }
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "@"):
            true
        default:
            false
        }
    }

    private static func limitFaults(of user: User) -> [UserProblem.Fault] {
        let numbers: [(UserProblem.Limit, Int64?)] = [
            (.connections, user.maximumConnections.map(Int64.init)),
            (.addresses, user.maximumAddresses.map(Int64.init)),
            (.addressWindow, user.addressWindowSeconds),
            (.rateUp, user.rateUp.map(Int64.init)),
            (.rateDown, user.rateDown.map(Int64.init)),
        ]
        var faults = numbers.filter { ($0.1 ?? 1) < 1 }.map { UserProblem.Fault.limit($0.0) }
        switch user.quota?.period {
        case .week(let day)? where !(1...7).contains(day): faults.append(.limit(.quotaDay))
        case .month(let day)? where !(1...31).contains(day): faults.append(.limit(.quotaDay))
        default: break
        }
        return faults
    }
}

/// One thing that is wrong with a user. Its description shows no secret.
package struct UserProblem: Error, Equatable, Sendable {
    package enum Fault: Equatable, Sendable {
        /// Not a name.
        case name
        /// Somebody before has the same name.
        case repeatedName
        /// Nobody could come in.
        case noSecret
        /// The user has one of the secrets twice.
        case repeatedSecret
        /// Clients could not be told from that other user's.
        case sharedSecret(with: String)
        /// A number that is out of its range.
        case limit(Limit)
    }

    /// Which number.
    package enum Limit: String, Equatable, Sendable, CaseIterable {
        case connections = "maximum of connections"
        case addresses = "maximum of addresses"
        case addressWindow = "address window"
        case rateUp = "upload rate"
        case rateDown = "download rate"
        case quotaDay = "day on which the quota starts"
    }

    /// Which of the users.
    package var index: Int
    package var name: String
    package var fault: Fault

    package init(index: Int, name: String, fault: Fault) {
        self.index = index
        self.name = name
        self.fault = fault
    }
}

extension UserProblem: CustomStringConvertible {
    /// A sentence without a full stop.
    package var description: String {
        switch fault {
        case .name:
            "the name of user \(index + 1) is not 1 to \(UserDirectory.maximumNameLength) letters, digits and -._@"
        case .repeatedName: "the name \"\(name)\" is given to two users"
        case .noSecret: "user \"\(name)\" has no secret"
        case .repeatedSecret: "user \"\(name)\" has one secret twice"
        case .sharedSecret(let other): "users \"\(other)\" and \"\(name)\" have a secret in common"
        case .limit(.quotaDay): "the \(Limit.quotaDay.rawValue) of user \"\(name)\" is not a day of its week or month"
        case .limit(let limit): "the \(limit.rawValue) of user \"\(name)\" is less than 1"
        }
    }
}
