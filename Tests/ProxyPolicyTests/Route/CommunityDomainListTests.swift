import ProxyPolicy
import Testing

@Suite struct CommunityDomainListTests {
    /// Encoded (without `.com`) and decoded (without `.co.uk`) names, as observed in the field.
    static let vectors = [
        ("virkgj", "pclead"), ("vmmzovy", "offshor"), ("mkuosckvso", "cakeisalie"), ("zaewayzmplad", "noskomnadzor"),
        ("twdmbzcm", "lovetrue"), ("awzwsldi", "sorokdva"), ("clngqrflngqin", "pyatdesyatdva"),
        ("tjacxbqtj", "kartoshka"), ("bxaxtxmrw", "sorokodin"), ("dmohrsgmohcrwb", "pyatdesyatodin"),
        ("vwbmtmoi", "notelega"), ("khgrre", "ebally"), ("ulihssf", "nebally"), ("tmhqsdqmfpmk", "havegreatday"),
        ("xwuwoqbm", "pomogite"), ("orgcnunpj", "fixtelega"), ("zhkuldz", "sadnews"), ("zypoljnslxa", "onedaychamp"),
        ("efabnxaowuzs", "stopblocking"), ("zaftuzsftqdq", "nothingthere"),
    ]

    @Test(arguments: vectors)
    func `An encoded name is decoded`(encoded: String, decoded: String) {
        #expect(CommunityDomainList.decode(encoded + ".com") == decoded + ".co.uk")
    }

    @Test func `The built-in list is the decoded one`() {
        #expect(CommunityDomainList.builtIn == Self.vectors.map { $0.1 + ".co.uk" })
        #expect(CommunityDomainList.builtIn.allSatisfy(CommunityDomainList.isDomainName))
    }

    @Test(arguments: [
        ("example.org", "example.org"), ("example.co.uk", "example.co.uk"), (".com", ".com"), ("com", "com"), ("", ""),
        // Only letters move and count; case is kept.
        ("b-1.com", "a-1.co.uk"), ("B2B.com", "Z2Z.co.uk"), ("VIRKGJ.COM", "PCLEAD.co.uk"),
    ])
    func `Other names stand for themselves and only letters move`(name: String, decoded: String) {
        #expect(CommunityDomainList.decode(name) == decoded)
    }

    @Test func `Decoding takes any text`() {
        var random = TestGenerator(seed: 5)
        for _ in 0..<2_000 {
            let scalars = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                Unicode.Scalar(UInt8.random(in: 0...255, using: &random))
            }
            let name = scalars.reduce(into: "") { $0.unicodeScalars.append($1) } + ".com"
            _ = CommunityDomainList.decode(name)
            _ = try? CommunityDomainList.parse(name)
        }
    }

    @Test func `A list is read line by line`() throws {
        let text = """
            # a comment\r
            virkgj.com\r

              \tVMMZOVY.COM \t
            virkgj.com
            #virkgj.com
            not a name
            -bad.example
            plain.example
            """
        #expect(try CommunityDomainList.parse(text) == ["pclead.co.uk", "offshor.co.uk", "plain.example"])
    }

    @Test(arguments: [0, 1, 2])
    func `A list with fewer than three names is a mistake`(count: Int) {
        let text = (0..<count).map { "n\($0).example\n" }.joined() + "n0.example\n#\n..\n"
        #expect(throws: CommunityDomainListError.tooFewNames(found: max(count, 1))) {
            try CommunityDomainList.parse(text)
        }
    }

    @Test func `A list is bounded`() throws {
        let long = (0..<1_000).map { "n\($0).example\n" }.joined()
        #expect(try CommunityDomainList.parse(long).count == 200)
        let longer = String(repeating: "#", count: 64 << 10) + "\n" + long
        #expect(throws: CommunityDomainListError.tooLong) { try CommunityDomainList.parse(longer) }
    }

    @Test(arguments: [
        ("a.example", true), ("a-b.c-d.example", true), ("1.example", true), ("xn--p1ai.xn--p1ai", true),
        ("example", false), ("", false), (".", false), ("a.", false), (".a", false), ("a..b", false), ("a.b", false),
        ("a.12", false), ("-a.example", false), ("a-.example", false), ("a_b.example", false), ("a b.example", false),
        (String(repeating: "a", count: 63) + ".example", true), (String(repeating: "a", count: 64) + ".example", false),
        (String(repeating: "a.", count: 123) + "example", true),
        (String(repeating: "a.", count: 124) + "example", false), ("пример.example", false),
    ])
    func `Names are checked`(name: String, isValid: Bool) {
        #expect(CommunityDomainList.isDomainName(name) == isValid)
    }
}
