import Foundation
import MTProtoWire
import ProxyPolicy
import ProxyStore
import ProxyTestKit
import Testing

/// A moment in 2026, the tests' "now" unless they say otherwise: Thursday, 5 March, 12:00 UTC.
let noon: Int64 = 1_772_712_000

/// The text of a dd secret whose key ends with a number.
func secretText(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return "dd" + String(repeating: "0", count: 32 - digits.count) + digits
}

func secret(_ number: Int) throws -> ProxySecret { try ProxySecret(parsing: secretText(number)) }

/// What a command gives for a new user.
func fields(_ name: String, _ numbers: Int...) -> UserFields {
    var fields = UserFields(name: name)
    fields.secrets = .value(numbers.map(secretText))
    return fields
}

/// A user with every field set.
func fullUser(_ name: String, _ number: Int) throws -> User {
    var user = User(name: name, secrets: [try secret(number), try secret(number + 1)])
    user.secrets.append(ProxySecret(key: try secret(number + 2).key, kind: .fakeTLS(domain: "www.example.com")))
    user.isEnabled = false
    user.adTag = AdTag("3f40462915a3e6026a4d790127b95ded")
    user.expires = noon + 86_400
    user.maximumConnections = 7
    user.maximumAddresses = 3
    user.addressWindowSeconds = 7_200
    user.quota = TrafficQuota(bytes: 50_000_000_000, period: .month(startingOn: 31))
    user.rateUp = 1_000_000
    user.rateDown = 2_000_000
    user.allowedNetworks = [try Network(parsing: "10.0.0.0/8"), try Network(parsing: "2001:db8::/32")]
    user.refusedNetworks = [try Network(parsing: "10.9.0.0/16")]
    user.note = "Anna's \"tablet\"\nand ☎"
    return user
}

func usage(up: UInt64 = 0, down: UInt64 = 0, sessions: UInt64 = 0, used: UInt64 = 0, since: Int64 = 0) -> UserUsage {
    var usage = UserUsage()
    usage.up = up
    usage.down = down
    usage.sessions = sessions
    usage.quotaUsed = used
    usage.quotaSince = since
    return usage
}

/// The permission bits of a file.
func mode(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
}
