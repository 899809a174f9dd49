import MTProtoWire
import ProxyPolicy
import Testing

@Suite struct NetworkSetTests {
    private func network(_ text: String) throws -> Network { try Network(parsing: text) }
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test func `An empty set holds nothing`() throws {
        let set = NetworkSet([])
        #expect(set.isEmpty)
        #expect(try !set.contains(address("1.2.3.4")))
        #expect(try !set.contains(address("::")))
    }

    @Test func `Networks that overlap or touch are joined`() throws {
        let set = try NetworkSet(
            [
                "10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16", "11.0.0.0/8", "13.0.0.0/8", "2001:db8::/33",
                "2001:db8:8000::/33",
            ]
            .map { try network($0) }
        )
        #expect(set.count == 3)
        for inside in ["10.0.0.0", "10.255.255.255", "11.255.255.255", "13.0.0.0", "2001:db8:ffff::1"] {
            #expect(try set.contains(address(inside)), "\(inside)")
        }
        for outside in ["9.255.255.255", "12.0.0.0", "14.0.0.0", "2001:db7:ffff::", "2001:db9::", "::a00:1"] {
            #expect(try !set.contains(address(outside)), "\(outside)")
        }
    }

    @Test(arguments: [
        ("::/0", "255.255.255.255", true), ("::/0", "0.0.0.0", true), ("::/0", "::", true), ("0.0.0.0/0", "::", false),
        ("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true), ("0.0.0.0/0", "::fffe:ffff:ffff", false),
        ("0.0.0.0/0", "::1:0:0:0", false), ("::/80", "1.2.3.4", true), ("::/81", "1.2.3.4", false),
        ("255.255.255.255", "255.255.255.255", true), ("255.255.255.255", "255.255.255.254", false),
        ("::ffff:10.0.0.0/104", "10.2.3.4", true), ("::", "::", true), ("::", "::1", false),
    ])
    func `The ends of the numbers and both families are right`(text: String, asked: String, isIn: Bool) throws {
        #expect(try NetworkSet([network(text)]).contains(address(asked)) == isIn)
    }

    @Test(arguments: UInt64(1)...20)
    func `It agrees with asking every network`(seed: UInt64) throws {
        var random = TestGenerator(seed: seed)
        // Few different first bits, so that much overlaps and touches.
        func someAddress() -> IPAddress {
            if Bool.random(using: &random) {
                return IPAddress(v4: .random(in: 0...7, using: &random) << 29 | .random(in: 0...0xFFF, using: &random))
            }
            let high = UInt64.random(in: 0...3, using: &random) << 62 | .random(in: 0...3, using: &random)
            return IPAddress(high: high, low: .random(in: 0...7, using: &random) << 61)
        }
        var networks: [Network] = []
        for _ in 0..<Int.random(in: 0...80, using: &random) {
            let address = someAddress()
            let isNarrow = Int.random(in: 0..<8, using: &random) > 0
            let bits =
                address.isIPv4
                ? Int.random(in: 96 + (isNarrow ? 20 : 2)...128, using: &random)
                : Int.random(in: (isNarrow ? 60 : 1)...128, using: &random)
            let base = address.masked(toBits: bits)
            networks.append(try network(base.isIPv4 && bits >= 96 ? "\(base)/\(bits - 96)" : "\(base)/\(bits)"))
        }
        let set = NetworkSet(networks)
        #expect(set.count <= networks.count)
        for _ in 0..<500 {
            let asked = someAddress()
            #expect(set.contains(asked) == networks.contains { $0.contains(asked) }, "\(asked)")
        }
        for edge in networks.flatMap({ [$0.base, $0.last] }) { #expect(set.contains(edge), "\(edge)") }
    }

    @Test func `A hundred thousand networks are one set`() {
        var random = TestGenerator(seed: 1)
        let networks = Set((0..<100_000).map { _ in UInt32.random(in: 0..<(1 << 24), using: &random) })
        let set = NetworkSet(
            networks.flatMap { number in
                let base = IPAddress(v4: number << 8)
                return Network.covering(from: base, through: IPAddress(v4: number << 8 | 0xFF))
            })
        for _ in 0..<20_000 {
            let asked = UInt32.random(in: 0...(.max), using: &random)
            #expect(set.contains(IPAddress(v4: asked)) == networks.contains(asked >> 8))
        }
    }

    @Test func `Rules refuse who is blocked and who is not allowed, but never the machine itself`() throws {
        let rules = try NetworkRules(
            blocked: NetworkSet([network("10.1.0.0/16"), network("127.0.0.0/8"), network("::1/128")]),
            allowed: NetworkSet([network("10.0.0.0/8")])
        )
        #expect(try rules.refusal(for: address("10.1.2.3")) == .blocked)
        #expect(try rules.refusal(for: address("10.2.2.3")) == nil)
        #expect(try rules.refusal(for: address("11.2.2.3")) == .notAllowed)
        #expect(try rules.refusal(for: address("127.0.0.1")) == nil)
        #expect(try rules.refusal(for: address("::1")) == nil)
        #expect(rules.refusal(for: nil) == nil)
        #expect(try NetworkRules().refusal(for: address("11.2.2.3")) == nil)
        #expect(try NetworkRules(allowed: NetworkSet([])).refusal(for: address("11.2.2.3")) == .notAllowed)
    }
}

@Suite struct NetworkListTests {
    private func parse(_ text: String) -> (networks: [String], problems: [String]) {
        let (networks, problems) = NetworkList.parse(text, name: "list")
        return (networks.map(\.description), problems)
    }

    @Test(arguments: [
        ("", []), ("\n\n", []), ("# 10.0.0.0/8\n; 11.0.0.0/8\n", []),
        ("10.0.0.0/8", ["10.0.0.0/8"]), ("10.0.0.0/8\r\n11.0.0.0/8\r\n", ["10.0.0.0/8", "11.0.0.0/8"]),
        ("  192.0.2.1\t\n", ["192.0.2.1/32"]), ("1.10.16.0/20 ; SBL256894\n", ["1.10.16.0/20"]),
        ("1.10.16.0/20#x", ["1.10.16.0/20"]), ("2001:db8::/32\n::1", ["2001:db8::/32", "::1/128"]),
        ("\u{FEFF}10.0.0.0/8", ["10.0.0.0/8"]), ("10.0.0.0-10.0.0.1", ["10.0.0.0/31"]),
        ("10.0.0.1 - 10.0.0.6", ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"]),
        ("2001:db8::-2001:db8::1", ["2001:db8::/127"]), ("0.0.0.0-255.255.255.255", ["0.0.0.0/0"]),
        ("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["::/0"]),
    ])
    func `Lists are read as they are published`(text: String, networks: [String]) {
        let result = parse(text)
        #expect(result.networks == networks)
        #expect(result.problems == [])
    }

    @Test func `What is no network is told of with its line, and the rest is used`() {
        let result = parse("10.0.0.0/8\n\nfoo\n10.0.0.1/8\n1.2.3.4-1.2.3.3\n1.2.3.4-::1\n1.1.1.1-\n2.2.2.2\n")
        #expect(result.networks == ["10.0.0.0/8", "2.2.2.2/32"])
        #expect(
            result.problems == [
                "list:3: \"foo\" is not a network",
                "list:4: \"10.0.0.1/8\" has bits set behind its prefix",
                "list:5: \"1.2.3.4-1.2.3.3\" is not a range",
                "list:6: \"1.2.3.4-::1\" is not a range",
                "list:7: \"1.1.1.1-\" is not a range",
            ]
        )
    }

    @Test(arguments: ["<!DOCTYPE html>\n10.0.0.0/8", "  \r\n\t<html>", "\u{FEFF}<?xml version=\"1.0\"?>"])
    func `A page is refused as a whole`(text: String) {
        let result = parse(text)
        #expect(result.networks == [])
        #expect(result.problems == ["list:1: this is a page of HTML or XML, not a list of networks"])
    }

    @Test func `What is told is bounded and fit for a log`() {
        let result = parse(
            String(repeating: "\u{1B}[31mnonsense\n", count: 1_000) + String(repeating: "9", count: 1_000))
        #expect(result.problems.count == NetworkList.maximumProblems + 1)
        #expect(result.problems.first == "list:1: \"?[31mnonsense\" is not a network")
        #expect(result.problems.last == "list: and 981 more lines like these")
        let long = parse(String(repeating: "9", count: 1_000_000))
        #expect(long.problems == ["list:1: \"\(String(repeating: "9", count: 40))...\" is too long for a network"])
    }

    @Test func `Networks are bounded`() {
        // Each range is made of 254 networks.
        let range = "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe\n"
        let (networks, problems) = NetworkList.parse(String(repeating: range, count: 3_000), name: "list")
        #expect(networks.count == 1_968 * 254)
        #expect(problems == ["list:1969: more than 500000 networks; the rest is not used"])
    }

    @Test(arguments: UInt64(1)...20)
    func `A range is covered by networks that hold just its addresses`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        let ends = [UInt32.random(in: 0...(.max), using: &random), .random(in: 0...(.max), using: &random)].sorted()
        let networks = Network.covering(from: IPAddress(v4: ends[0]), through: IPAddress(v4: ends[1]))
        #expect(networks.count <= 62)
        #expect(networks.first?.base == IPAddress(v4: ends[0]))
        #expect(networks.last?.last == IPAddress(v4: ends[1]))
        for (one, next) in zip(networks, networks.dropFirst()) {
            #expect(one.last.v4.map { $0 &+ 1 } == next.base.v4)
        }
        #expect(NetworkSet(networks).count == 1)
        #expect(
            Network.covering(from: IPAddress(v4: ends[1]), through: IPAddress(v4: ends[0])).count
                <= (ends[0] == ends[1] ? 1 : 0))
    }

    @Test(arguments: UInt64(1)...30)
    func `Rubbish is survived`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        let letters = Array("0123456789abcdef.:/-#;\r\n <".utf8) + [0, 0xFF, 0xEF, 0xBB]
        let bytes = (0..<2_000).map { _ in letters.randomElement(using: &random) ?? 0 }
        let result = parse(String(decoding: bytes, as: UTF8.self))
        #expect(result.problems.count <= NetworkList.maximumProblems + 1)
    }
}
