import ProxyPolicy
import Testing

/// A repeatable source of random numbers (xorshift64*): a failing seed can be run again.
struct TestGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_f491_4f6c_dd1d
    }
}

extension SocketTarget {
    /// Port 443, as everywhere in the built-in tables.
    static func https(_ host: String) -> SocketTarget { SocketTarget(host: host, port: 443) }
}

extension RouteConfiguration {
    /// Routes of all kinds but the community's, with few addresses.
    static func own(workers: [String] = [], domains: [String] = []) -> RouteConfiguration {
        RouteConfiguration(workers: workers, ownDomains: domains, communityEnabled: false)
    }

    /// Routes of every kind except own domains (which exclude the community's).
    static func everything(community: [String] = ["a.example", "b.example", "c.example"]) -> RouteConfiguration {
        RouteConfiguration(workers: ["w1.example", "w2.example"], communityDomains: community)
    }
}

/// `#require` for values of mutating calls, which the macro cannot make itself.
func unwrapped<Value>(_ value: Value?, at location: SourceLocation = #_sourceLocation) throws -> Value {
    try #require(value, sourceLocation: location)
}
