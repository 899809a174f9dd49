import MTProtoWire
import ProxyPolicy
import Testing

@Suite struct MaskPolicyTests {
    private static let target = SocketTarget(host: "10.0.0.1", port: 8_443)

    @Test(arguments: StrangerReason.allCases)
    func `Every stranger goes to the mask host`(reason: StrangerReason) {
        let policy = MaskPolicy(host: "example.com", target: Self.target, redirectsHTTP: false)
        #expect(policy.decide(for: reason, hasReplied: false) == .pipe(to: Self.target))
    }

    @Test(arguments: StrangerReason.allCases, [true, false])
    func `Without a mask host every stranger meets silence`(reason: StrangerReason, redirectsHTTP: Bool) {
        let policy = MaskPolicy(host: nil, target: nil, redirectsHTTP: redirectsHTTP)
        #expect(policy.decide(for: reason, hasReplied: false) == .silence)
    }

    @Test(arguments: StrangerReason.allCases)
    func `Only plain HTTP is redirected, where the operator wants it`(reason: StrangerReason) {
        let policy = MaskPolicy(host: "example.com", target: Self.target, redirectsHTTP: true)
        let expected: MaskDecision = reason == .http ? .redirect(toHost: "example.com") : .pipe(to: Self.target)
        #expect(policy.decide(for: reason, hasReplied: false) == expected)
    }

    @Test(arguments: StrangerReason.allCases)
    func `After a ServerHello it is too late for the mask host`(reason: StrangerReason) {
        let policy = MaskPolicy(host: "example.com", target: Self.target, redirectsHTTP: true)
        #expect(policy.decide(for: reason, hasReplied: true) == .silence)
    }
}
