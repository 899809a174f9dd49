import MTProtoWire
import Testing

@Suite("ProxyRequest")
struct ProxyRequestTests {
    /// What stands in a request, read field by field.
    struct Parsed {
        var flags: UInt32
        var request: ProxyRequest
        var header: [UInt8]
        var message: [UInt8]

        init(_ payload: [UInt8]) throws {
            func number(_ range: Range<Int>) -> UInt64 {
                payload[range].reversed().reduce(0) { $0 << 8 | UInt64($1) }
            }
            func endpoint(_ offset: Int) throws -> Endpoint {
                Endpoint(
                    address: try #require(IPAddress(bytes: payload[offset..<offset + 16])),
                    port: try #require(UInt16(exactly: number(offset + 16..<offset + 20))))
            }
            try #require(payload.count >= 56)
            try #require(number(0..<4) == MiddleProxyType.proxyRequest)
            flags = UInt32(number(4..<8))
            var adTag: AdTag?
            var headerLength = 56
            if flags & 0xc != 0 {
                headerLength = 60 + Int(number(56..<60))
                try #require(headerLength == 84)
                adTag = AdTag(bytes: try #require(Block16(bytes: payload[65..<81])))
            }
            let framing: PacketFraming =
                flags & ProxyRequest.Flag.abridged != 0
                ? .abridged : flags & ProxyRequest.Flag.padded != 0 ? .paddedIntermediate : .intermediate
            request = ProxyRequest(
                connection: number(8..<16), client: try endpoint(16), proxy: try endpoint(36), framing: framing,
                adTag: adTag)
            header = Array(payload[..<headerLength])
            message = Array(payload[headerLength...])
        }
    }

    private static func write(_ request: ProxyRequest, isEncrypted: Bool, wantsQuickAck: Bool) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xaa, count: request.headerLength + 1)
        bytes.withUnsafeMutableBytes { memory in
            guard let base = memory.baseAddress else { return }
            request.write(isEncrypted: isEncrypted, wantsQuickAck: wantsQuickAck, into: base)
        }
        #expect(bytes.last == 0xaa)
        return bytes.dropLast()
    }

    /// Expects that the same request, written here, has the same bytes; the mark for padding is one that others set.
    static func expectSame(_ payload: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let parsed = try Parsed(payload)
        let verdict = parsed.message.withUnsafeBytes { ClientMessage.judge($0) }
        let written = write(
            parsed.request, isEncrypted: verdict == .encrypted,
            wantsQuickAck: parsed.flags & ProxyRequest.Flag.quickAck != 0)
        var expected = parsed.header
        expected[7] &= ~UInt8(truncatingIfNeeded: ProxyRequest.Flag.padded >> 24)
        #expect(written == expected, sourceLocation: sourceLocation)
    }

    @Test("A request captured in 2018")
    func sample() throws {
        let sample = try #require(VectorFiles.middleProxy.proxyReqSamples.first)
        let parsed = try Parsed(sample.payload.bytes)
        #expect(parsed.request.connection == sample.connId)
        #expect(parsed.request.client.description == "109.238.131.159:1128")
        #expect(parsed.request.proxy.description == "80.211.29.34:53634")
        #expect(parsed.request.adTag?.text == sample.adTag)
        #expect(parsed.message.count == sample.dataLen)
        try Self.expectSame(sample.payload.bytes)
    }

    /// Flags observed with Telegram's own proxy.
    @Test(
        "Flags by framing",
        arguments: [
            (PacketFraming.abridged, true, false, UInt32(0x4002_1008)), (.abridged, false, false, 0x4002_100a),
            (.abridged, true, true, 0xc002_1008), (.intermediate, true, false, 0x2002_1008),
            (.intermediate, true, true, 0xa002_1008), (.paddedIntermediate, true, false, 0x2002_1008),
            (.paddedIntermediate, true, true, 0xa002_1008), (.paddedIntermediate, false, false, 0x2002_100a),
        ])
    func flags(framing: PacketFraming, isEncrypted: Bool, wantsQuickAck: Bool, flags: UInt32) throws {
        let endpoint = Endpoint(address: IPAddress(v4: 0xc000_0201), port: 443)
        let tag = AdTag(bytes: Block16())
        for (adTag, expected) in [(tag, flags), (nil, flags & ~8)] {
            let request = ProxyRequest(
                connection: 1, client: endpoint, proxy: endpoint, framing: framing, adTag: adTag)
            let bytes = Self.write(request, isEncrypted: isEncrypted, wantsQuickAck: wantsQuickAck)
            #expect(bytes.count == (adTag == nil ? 56 : 84))
            #expect(bytes[4..<8].reversed().reduce(0) { $0 << 8 | UInt32($1) } == expected)
        }
    }
}
