import MTProtoWire
import ProxyPolicy
import Testing

@Suite struct UserDirectoryTests {
    private func faults(_ users: [User]) -> [UserProblem.Fault] { UserDirectory.validate(users).map(\.fault) }

    @Test(arguments: ["a", "Alice", "bob-2", "a.b_c@example.org", "0", String(repeating: "x", count: 64)])
    func `Names are letters, digits and a few signs`(name: String) {
        #expect(UserDirectory.isName(name))
        #expect(UserDirectory.validate([.sample(name)]).isEmpty)
    }

    @Test(arguments: ["", " ", "a b", "é", "a/b", "a\n", "\u{0}", "a:b", "\"", String(repeating: "x", count: 65)])
    func `Everything else is no name`(name: String) {
        #expect(!UserDirectory.isName(name))
        #expect(faults([.sample(name)]) == [.name])
    }

    @Test func `Names are unique, and the later one is at fault`() {
        let problems = UserDirectory.validate([.sample("a", key: 1), .sample("b", key: 2), .sample("a", key: 3)])
        #expect(problems == [UserProblem(index: 2, name: "a", fault: .repeatedName)])
    }

    @Test(arguments: [
        (ProxySecret.Kind.plain, ProxySecret.Kind.plain, true), (.plain, .padded, true), (.padded, .padded, true),
        (.plain, .fakeTLS(domain: "a.example"), false), (.padded, .fakeTLS(domain: "a.example"), false),
        (.fakeTLS(domain: "a.example"), .fakeTLS(domain: "a.example"), true),
        (.fakeTLS(domain: "a.example"), .fakeTLS(domain: "b.example"), true),
    ])
    func `Secrets that no client could tell apart belong to one user`(
        one: ProxySecret.Kind, other: ProxySecret.Kind, doClash: Bool
    ) {
        var users = [User.sample("a"), User.sample("b")]
        users[0].secrets = [.sample(9), .sample(1, one)]
        users[1].secrets = [.sample(1, other), .sample(8)]
        #expect(faults(users) == (doClash ? [.sharedSecret(with: "a")] : []))
        users[1].secrets = [.sample(2, other)]
        #expect(faults(users).isEmpty)
    }

    @Test func `One user may have a key in several forms, but not one secret twice`() {
        var user = User.sample()
        user.secrets = [.sample(1), .sample(1, .padded), .sample(1, .fakeTLS(domain: "a.example"))]
        #expect(faults([user]).isEmpty)
        user.secrets.append(.sample(1))
        #expect(faults([user]) == [.repeatedSecret])
        user.secrets = []
        #expect(faults([user]) == [.noSecret])
    }

    @Test func `Limits are at least one and days exist`() {
        var user = User.sample()
        user.maximumConnections = 1
        user.maximumAddresses = 1
        user.addressWindowSeconds = 1
        user.rateUp = 1
        user.rateDown = 1
        user.quota = TrafficQuota(bytes: 0, period: .week(startingOn: 7))
        #expect(faults([user]).isEmpty)
        user.maximumConnections = 0
        user.maximumAddresses = -1
        user.addressWindowSeconds = 0
        user.rateUp = 0
        user.rateDown = .min
        user.quota = TrafficQuota(bytes: 0, period: .month(startingOn: 32))
        #expect(faults([user]) == UserProblem.Limit.allCases.map { .limit($0) })
    }

    @Test func `Problems are told without a secret`() {
        var users = [User.sample("a"), User.sample("a"), User.sample("b")]
        users[1].secrets = []
        users[2].secrets += [.sample(1)]
        users[2].rateUp = 0
        let texts = UserDirectory.validate(users).map(\.description)
        #expect(
            texts == [
                "the name \"a\" is given to two users", "user \"a\" has no secret", "user \"b\" has one secret twice",
                "users \"a\" and \"b\" have a secret in common", "the upload rate of user \"b\" is less than 1",
            ])
        #expect(UserDirectory.validate([.sample("é")]).first?.description.contains("user 1") == true)
    }
}
