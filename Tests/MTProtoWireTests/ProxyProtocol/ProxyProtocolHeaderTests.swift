import MTProtoWire
import NIOCore
import Testing

@Suite("ProxyProtocolHeader")
struct ProxyProtocolHeaderTests {
    typealias Outcome = ProxyProtocolHeader.Outcome

    static let signature = [UInt8](hex: "0d0a0d0a000d0a515549540a") ?? []

    static func parse(_ bytes: [UInt8]) -> Outcome { ProxyProtocolHeader.parse(ByteBuffer(bytes: bytes)) }
    static func parse(_ text: String) -> Outcome { parse(Array(text.utf8)) }

    static func binary(_ command: UInt8, _ family: UInt8, _ body: String, length: Int? = nil) -> [UInt8] {
        let body = [UInt8](hex: body) ?? []
        let length = length ?? body.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 0xff)] + body
    }

    /// What a caller would do: try again with every piece, and stop at the first answer.
    static func decode(_ pieces: [[UInt8]]) -> [Outcome] {
        var buffer = ByteBuffer()
        for piece in pieces {
            buffer.writeBytes(piece)
            let outcome = ProxyProtocolHeader.parse(buffer)
            if outcome != .needMore { return [outcome] }
        }
        return [.needMore]
    }

    @Test("reads the text form")
    func textForm() {
        let line4 = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
        #expect(Self.parse(line4) == .header(.address(host: "192.0.2.7", port: 56_324), length: line4.utf8.count))
        #expect(Self.parse(line4 + "rest") == .header(.address(host: "192.0.2.7", port: 56_324), length: 45))
        let line6 = "PROXY TCP6 2001:DB8:0::7 ::1 1 65535\r\n"
        #expect(Self.parse(line6) == .header(.address(host: "2001:db8::7", port: 1), length: line6.utf8.count))
        #expect(Self.parse("PROXY UNKNOWN\r\n") == .header(.unknown, length: 15))
        #expect(Self.parse("PROXY UNKNOWN ffff::1 what ever 1 2\r\n") == .header(.unknown, length: 37))
    }

    @Test(
        "refuses lines that are not quite headers",
        arguments: [
            "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\n", "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\rX",
            "PROXY TCP4 192.0.2.7 198.51.100.1 56324 65536\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 056 443\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 +1 443\r\n",
            "PROXY TCP4  192.0.2.7 198.51.100.1 56324 443\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 \r\n", "PROXY TCP4 192.0.2 198.51.100.1 56324 443\r\n",
            "PROXY TCP4 ::1 ::1 56324 443\r\n", "PROXY TCP6 192.0.2.7 198.51.100.1 56324 443\r\n",
            "PROXY TCP6 fe80::1%lo fe80::1 1 2\r\n", "PROXY UDP4 192.0.2.7 198.51.100.1 56324 443\r\n",
            "PROXY TCP4 host.example 198.51.100.1 1 2\r\n", "PROXY UNKNOWNX\r\n", "PROXY \r\n", "PROXY\r\n",
            "proxy TCP4",
            "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\n", "PROXY TCP4\u{0}",
        ])
    func badLines(line: String) {
        #expect(Self.parse(line) == .invalid)
    }

    @Test("bounds the line at 107 bytes")
    func longestLine() {
        let longest = "PROXY UNKNOWN " + String(repeating: "x", count: 91)
        #expect(Self.parse(longest + "\r\n") == .header(.unknown, length: 107))
        #expect(Self.parse(longest) == .needMore)
        #expect(Self.parse(longest + "\r") == .needMore)
        #expect(Self.parse(longest + "x") == .invalid)
        #expect(Self.parse(longest + "x\r\n") == .invalid)
    }

    @Test("reads the binary form")
    func binaryForm() {
        let header4 = Self.binary(0x21, 0x11, "c0000207 c6336401 dc04 01bb")
        #expect(Self.parse(header4) == .header(.address(host: "192.0.2.7", port: 56_324), length: 28))
        let header6 = Self.binary(
            0x21, 0x21, "20010db8000000000000000000000007 00000000000000000000000000000001 0001 01bb 040001ff")
        #expect(Self.parse(header6 + [1, 2]) == .header(.address(host: "2001:db8::7", port: 1), length: 56))
        #expect(Self.parse(Self.binary(0x20, 0x00, "")) == .header(.local, length: 16))
        #expect(Self.parse(Self.binary(0x20, 0x11, "c0000207 c6336401 dc04 01bb")) == .header(.local, length: 28))
        for family: UInt8 in [0x00, 0x12, 0x22, 0x31, 0x32, 0x10, 0x01] {
            #expect(Self.parse(Self.binary(0x21, family, "aabb")) == .header(.unknown, length: 18))
        }
    }

    @Test("refuses binary headers of another version, command, family or length")
    func badBinary() {
        for command: UInt8 in [0x00, 0x11, 0x22, 0x2f, 0x31] {
            #expect(Self.parse(Self.binary(command, 0x11, "")) == .invalid)
        }
        for family: UInt8 in [0x13, 0x41, 0xf0, 0xff] {
            #expect(Self.parse(Self.binary(0x21, family, "")) == .invalid)
        }
        #expect(Self.parse(Self.binary(0x21, 0x11, "c0000207 c6336401 dc04 01")) == .invalid)
        #expect(Self.parse(Self.binary(0x21, 0x21, "c0000207 c6336401 dc04 01bb")) == .invalid)
        #expect(Self.parse(Self.binary(0x21, 0x00, "", length: 2_048)) == .needMore)
        #expect(Self.parse(Self.binary(0x21, 0x00, "", length: 2_049)) == .invalid)
        var signature = Self.signature
        signature[11] = 0
        #expect(Self.parse(signature) == .invalid)
    }

    @Test("waits for nothing, and for every beginning of a header")
    func waits() {
        #expect(Self.parse([]) == .needMore)
        let headers = [
            Array("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n".utf8),
            Self.binary(0x21, 0x11, "c0000207 c6336401 dc04 01bb"),
        ]
        for header in headers {
            for truncation in Drip.truncations(header) { #expect(Self.parse(truncation) == .needMore) }
        }
    }

    @Test(
        "sees the same however the bytes are cut, and survives damage",
        arguments: [
            Array("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n".utf8),
            Array("PROXY TCP6 2001:db8::7 ::1 1 65535\r\n".utf8), Array("PROXY UNKNOWN x\r\n".utf8),
            binary(0x21, 0x11, "c0000207 c6336401 dc04 01bb"),
            binary(0x21, 0x21, "20010db8000000000000000000000007 00000000000000000000000000000001 0001 01bb 040001ff"),
            binary(0x20, 0x00, ""),
        ])
    func drip(header: [UInt8]) {
        Drip.check(header + [0x16, 0x03, 0x01], decode: Self.decode)
    }
}
