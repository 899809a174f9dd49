import MTProtoWire
import ProxyPolicy
import Testing

@testable import martlet

@Suite
struct AmountFormTests {
    private func parse<Value>(_ form: ValueForm<Value>, _ text: String) -> Value? {
        var context = ValueContext(directory: "/work", home: "/home/someone")
        return try? form.parse(text, &context)
    }

    @Test(
        arguments: [
            ("0", 0, "0"), ("500", 500, "500"), ("500 B", 500, "500"), ("64 KiB", 65_536, "64 KiB"),
            ("64kib", 65_536, "64 KiB"), ("1 kB", 1_000, "1 kB"), ("50 GB", 50_000_000_000, "50 GB"),
            ("1.5TB", 1_500_000_000_000, "1500 GB"), ("0.5 GiB", 512 << 20, "512 MiB"),
            ("1000 KiB", 1_024_000, "1000 KiB"),
            ("3 TiB", 3 << 40, "3 TiB"), ("9007199254740993", 9_007_199_254_740_993, "9007199254740993"),
            ("18446744073709551615", .max, "18446744073709551615"), ("1.1 kB", 1_100, "1100"),
        ] as [(String, UInt64, String)])
    func `Numbers of bytes are read and printed`(text: String, bytes: UInt64, printed: String) {
        #expect(ByteText.parse(text) == bytes)
        #expect(ByteText.print(bytes) == printed)
        #expect(ByteText.parse(printed) == bytes)
    }

    @Test(arguments: [
        "", "B", "-1", "+1", "1.", ".5 MB", "1.2.3 MB", "1 XB", "1 K", "1e3", "0x10", "1 MB/s", "nan", "12.5",
        "18446744073709551616", "18446744073709551615 kB", "99999999999999999999999 TB", "١ kB",
    ])
    func `What is no number of bytes is refused`(text: String) {
        #expect(ByteText.parse(text) == nil)
    }

    @Test(
        arguments: [
            ("2 MB/s", 2_000_000, "2 MB/s"), ("2MB", 2_000_000, "2 MB/s"), ("500 KiB/s", 512_000, "500 KiB/s"),
            ("10 Mbit/s", 1_250_000, "10 Mbit/s"), ("10Mbps", 1_250_000, "10 Mbit/s"),
            ("1 Gbit", 125_000_000, "1 Gbit/s"),
            ("1500", 1_500, "12 kbit/s"), ("1501", 1_501, "1501/s"), ("0.5 MB/s", 500_000, "4 Mbit/s"),
        ] as [(String, UInt64, String)])
    func `Rates are read and printed`(text: String, rate: UInt64, printed: String) {
        #expect(ByteText.parseRate(text) == rate)
        #expect(ByteText.printRate(rate) == printed)
        #expect(ByteText.parseRate(printed) == rate)
    }

    @Test(arguments: ["", "/s", "2 Mb/s", "2 mb", "2 MB/m", "bit", "2 MB/s/s", "-2 MB/s"])
    func `What is no rate, or could be two, is refused`(text: String) {
        #expect(ByteText.parseRate(text) == nil)
    }

    @Test
    func `Bounds hold`() {
        #expect(parse(.byteCount(10...20), "9") as Int? == nil)
        #expect(parse(.byteCount(10...20), "20") == 20)
        #expect(parse(.byteCount(10...20), "10000 TB") as Int? == nil)
        #expect(parse(.byteRate(1_000...2_000), "2 kB/s") == 2_000)
        #expect(parse(.byteRate(1_000...2_000), "17 kbit/s") == nil)
        #expect(parse(.seconds(10...20), "15") == 15)
        #expect(parse(.seconds(10...20), "21s") == nil)
        #expect(parse(.seconds(1...20), "1500ms") == nil)
        #expect(ValueForm<Int64>.seconds(1...604_800).print(604_800) == "7d")
    }

    @Test(
        arguments: [
            ("1970-01-01", 86_400, "1970-01-01"), ("2026-12-31", 1_798_761_600, "2026-12-31"),
            ("2024-02-29", 1_709_251_200, "2024-02-29"),
            ("2026-12-31T18:00:00Z", 1_798_740_000, "2026-12-31T18:00:00Z"),
            ("2026-12-31 20:00:00+02:00", 1_798_740_000, "2026-12-31T18:00:00Z"),
            ("2026-12-31t13:30:00.25-04:30", 1_798_740_000, "2026-12-31T18:00:00Z"),
            ("2027-01-01T00:00:00Z", 1_798_761_600, "2026-12-31"), ("9999-12-31", 253_402_300_800, "9999-12-31"),
            ("2026-12-31T18:00:00", 1_798_740_000, "2026-12-31T18:00:00Z"), ("2000-03-01", 951_955_200, "2000-03-01"),
            ("2100-02-28", 4_107_542_400, "2100-02-28"),
        ] as [(String, Int64, String)])
    func `Dates are read and printed`(text: String, moment: Int64, printed: String) {
        #expect(parse(.moment(now: nil), text) == moment)
        #expect(CalendarText.print(moment) == printed)
        #expect(CalendarText.parse(printed) == moment)
    }

    @Test(arguments: [
        "", "2026", "2026-12", "2026-13-01", "2026-02-29", "2026-04-31", "2026-00-10", "2026-01-00", "1969-12-31",
        "26-12-31", "2026-12-31T18:00:0", "2026-12-31T18:00Z", "2026-12-31T24:00:00Z", "2026-12-31T18:60:00Z",
        "2026-12-31T18:00:00+2:00", "2026-12-31T18:00:00.Z", "2026-12-31T18:00:00.", "2026-12-31T", "2026-12-31 ",
        "2026-12-31X18:00:00Z", "2026-12-31T18:00:00ZZ",
        "2026-12-31T18:00:00Z ", "+30d", "tomorrow", "２０２６-12-31",
    ])
    func `What is no date is refused`(text: String) {
        #expect(parse(.moment(now: nil), text) == nil)
    }

    @Test
    func `Every day of four centuries is printed as it is read`() {
        for day in Int64(0)..<146_097 {
            let moment = (day + 1) * 86_400
            let text = CalendarText.print(moment)
            if CalendarText.parse(text) != moment { Issue.record("\(text)") }
        }
        #expect(CalendarText.print(.min).isEmpty == false && CalendarText.print(.max).isEmpty == false)
    }

    @Test
    func `A span from now is a date where it may be one`() {
        #expect(parse(.moment(now: 1_000), "+30d") == 2_593_000)
        #expect(parse(.moment(now: 1_000), "+90") == 1_090)
        for text in ["+", "+0", "+-1d", "+1y", "+40000d", "30d"] { #expect(parse(.moment(now: 1_000), text) == nil) }
    }

    @Test
    func `Ad tags and transports are read and printed`() throws {
        let tag = try #require(parse(.adTag, "3F40462915A3E6026A4D790127B95DED"))
        #expect(ValueForm<AdTag>.adTag.print(tag) == "3f40462915a3e6026a4d790127b95ded")
        #expect(parse(.adTag, "3f40462915a3e6026a4d790127b95de") == nil)
        for name in TransportName.allCases {
            #expect(parse(.transport, name.rawValue.uppercased()) == name)
            #expect(TransportName.names(of: name.transport) == [name])
        }
        #expect(TransportName.transports(named: [.fakeTLS, .padded, .obfuscated2]) == .standard)
    }

    @Test(
        arguments: [
            ("0.0.0.0:443", "0.0.0.0:443"), ("[::]:443", "[::]:443"), ("localhost:0", "127.0.0.1:0"),
            ("127.0.0.1:65535", "127.0.0.1:65535"), ("unix:/run/m.sock", "unix:/run/m.sock"),
            ("unix:m.sock", "unix:/work/m.sock"), ("unix:~/m.sock", "unix:/home/someone/m.sock"),
        ])
    func `Places to listen on are read and printed`(text: String, printed: String) throws {
        let place = try #require(parse(.listenPlace, text))
        #expect(place.description == printed)
        #expect(parse(.listenPlace, printed) == place)
    }

    @Test(arguments: [
        "", "443", ":443", "0.0.0.0", "0.0.0.0:", "0.0.0.0:65536", "0.0.0.0:-1", "::1:443", "[::1]", "example.com:443",
        "unix:", "[127.0.0.1:1", "/run/m.sock", "unix:/" + String(repeating: "x", count: 103),
    ])
    func `What is no place to listen on is refused`(text: String) {
        #expect(parse(.listenPlace, text) == nil)
    }

    @Test
    func `Modes are octal and cannot be misread`() {
        #expect(parse(.fileMode, "0660") == 0o660 && parse(.fileMode, "0007") == 0o007)
        #expect(ValueForm<UInt16>.fileMode.print(0o7) == "0007")
        // What TOML makes of 0o660 and 660.
        for text in ["432", "660", "0o660", "0888", "1777", "06600", "", "-066", "0+66"] {
            #expect(parse(.fileMode, text) == nil, "\(text)")
        }
    }

    @Test
    func `A prime may be broken into lines`() throws {
        let digits = try #require(OptionTable.option(forKey: "middle_proxy.dh_prime")?.example.first)
        let prime = try #require(parse(.diffieHellmanPrime, digits))
        #expect(prime.count == 256 && ValueForm<[UInt8]>.diffieHellmanPrime.print(prime) == digits)
        #expect(parse(.diffieHellmanPrime, "\n  \(digits.prefix(256))\n  \(digits.dropFirst(256))\n") == prime)
        #expect(parse(.diffieHellmanPrime, String(digits.dropLast()) + "a") == nil)
        #expect(parse(.diffieHellmanPrime, "0" + digits.dropFirst()) == nil)
        #expect(parse(.diffieHellmanPrime, String(digits.dropLast())) == nil)
    }
}
