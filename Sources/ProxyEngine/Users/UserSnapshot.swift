import MTProtoWire
import ProxyPolicy

/// The users at one moment, ready for handshakes: immutable, shared by all event loops.
package final class UserSnapshot: Sendable {
    /// By the place of their secret in the book.
    let accounts: [UserAccount]
    /// One for each listener, in their order.
    let rules: [HandshakeRules]
    /// A number for each secret that stays the same from snapshot to snapshot: what hints remember.
    let secretNumbers: [UInt32]
    private let places: [UInt32: Int]

    init(accounts: [UserAccount], rules: [HandshakeRules], secretNumbers: [UInt32]) {
        self.accounts = accounts
        self.rules = rules
        self.secretNumbers = secretNumbers
        places = Dictionary(zip(secretNumbers, secretNumbers.indices)) { first, _ in first }
    }

    /// More secrets than are tried without further ado: hints are worth their memory.
    var usesHints: Bool { accounts.count > HandshakeRules.inlineTrials }

    func places(of numbers: [UInt32]) -> [Int] { numbers.compactMap { places[$0] } }

    func account(_ secretIndex: Int?) -> UserAccount? {
        guard let secretIndex, accounts.indices.contains(secretIndex) else { return nil }
        return accounts[secretIndex]
    }
}

/// All users of the program: makes a snapshot whenever something changes, keeping the accounts.
struct UserTable: Sendable {
    private var accounts: [String: UserAccount] = [:]
    /// Revoked ones, as long as they have sessions.
    private var leaving: [UserAccount] = []
    private var numbers: [ProxySecret: UInt32] = [:]
    private var lastNumber: UInt32 = 0

    /// Users who are not among `entries` any more are revoked.
    mutating func replace(
        _ entries: [UserEntry], rules makeRules: (SecretBook) -> [HandshakeRules]
    ) -> UserSnapshot {
        var kept: [String: UserAccount] = [:]
        var secrets: [NamedSecret] = []
        var owners: [UserAccount] = []
        for entry in entries where kept[entry.user.name] == nil {
            let account = accounts[entry.user.name] ?? takeBack(entry) ?? UserAccount(entry)
            account.update(entry)
            kept[entry.user.name] = account
            for secret in entry.user.secrets {
                secrets.append(NamedSecret(name: entry.user.name, secret: secret))
                owners.append(account)
            }
        }
        for account in accounts.values where kept[account.name] == nil {
            account.revoke()
            leaving.append(account)
        }
        accounts = kept
        var numbered: [ProxySecret: UInt32] = [:]
        for entry in secrets where numbered[entry.secret] == nil {
            if numbers[entry.secret] == nil { lastNumber &+= 1 }
            numbered[entry.secret] = numbers[entry.secret] ?? lastNumber
        }
        numbers = numbered
        return UserSnapshot(
            accounts: owners,
            rules: makeRules(SecretBook(secrets)),
            secretNumbers: secrets.map { numbered[$0.secret] ?? 0 }
        )
    }

    /// The account of somebody who was removed and is there again while sessions of his are open: they may stay.
    private mutating func takeBack(_ entry: UserEntry) -> UserAccount? {
        let secrets = Set(entry.user.secrets)
        // Somebody else may have the name now.
        let place = leaving.firstIndex { $0.name == entry.user.name && !secrets.isDisjoint(with: $0.user.secrets) }
        guard let place else { return nil }
        let account = leaving.remove(at: place)
        account.takeBack(entry.usage)
        return account
    }

    var all: [UserAccount] { Array(accounts.values) }

    /// Whether sessions of anybody may have to end as time goes by: looking at all of them is not free.
    mutating func watchesAnybody() -> Bool {
        leaving.removeAll { !$0.hasSessions }
        return !leaving.isEmpty || accounts.values.contains { $0.isWatched }
    }
}
