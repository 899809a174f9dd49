import MTProtoWire
import NIOCore
import Testing

@testable import ProxyDoctor

@Suite
struct HelloTests {
    private func hello(_ name: String? = "site.example") -> ProbeHello {
        var random = SecureRandom()
        return ProbeHello(serverName: name, using: &random)
    }

    @Test
    func `The hello is one that our own reader takes, with the size of an app's`() throws {
        let record = hello().record
        var collector = ClientHelloCollector()
        #expect(collector.scan(record) == .complete(byteCount: record.readableBytes))
        let read = try #require(ClientHello(record: record))
        #expect(read.serverName == "site.example")
        #expect(read.preferredCipherSuite == 0x1301)
        #expect(read.sessionID.readableBytes == 32)
        #expect((1_400...1_900).contains(record.readableBytes))
        #expect(ClientHello(record: hello(nil).record)?.serverName == nil)
    }

    /// What Martlet itself answers.
    private func answer(_ record: Int, order: HandshakeProfile.ExtensionOrder = .keyShareFirst) throws -> ByteBuffer {
        let key = FakeTLSKey(secretIndex: 0, key: Block16())
        let hello = try #require(ClientHello(record: hello().record))
        return ServerHello(
            answering: hello, cipherSuite: 0x1301, keyShare: Block32(), extensionOrder: order,
            certificateRecordLength: record
        ).signed(with: key) { _ in }
    }

    @Test
    func `Our own answer is read in any pieces`() throws {
        let bytes = try answer(2_900)
        var whole = ServerFlight()
        whole.take(bytes)
        #expect(
            whole.hello
                == .init(version: 0x0304, suite: 0x1301, group: 0x001d, extensions: [51, 43], isRetry: false))
        #expect(whole.applicationRecords == [2_900] && !whole.isOver)
        for size in [1, 2, 3, 7, 100, 1_000] {
            var flight = ServerFlight()
            var rest = bytes
            while let piece = rest.readSlice(length: min(size, rest.readableBytes)), piece.readableBytes > 0 {
                flight.take(piece)
            }
            #expect(flight == whole)
        }
    }

    @Test
    func `An answer like ours can be imitated`() throws {
        var flight = ServerFlight()
        flight.take(try answer(2_900, order: .supportedVersionsFirst))
        let finding = MaskVerdict.hello("site.example", flight)
        #expect(finding.level == .pass)
        #expect(finding.value == "TLS 1.3, suite 0x1301, X25519, one record of 2900 bytes")
        #expect(finding.measured["first_record_bytes"] == 2_900)
    }

    private func flight(
        version: UInt16 = 0x0304, suite: UInt16 = 0x1301, group: UInt16? = 0x001d, retry: Bool = false,
        records: [Int] = [2_900]
    ) -> ServerFlight {
        var body = ByteBuffer()
        body.writeInteger(UInt16(0x0303))
        let retryRandom: [UInt8] = [
            0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
            0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
        ]
        body.writeBytes(retry ? retryRandom : [UInt8](repeating: 9, count: 32))
        body.writeInteger(UInt8(0))
        body.writeMultipleIntegers(suite, UInt8(0))
        var list = ByteBuffer()
        if version == 0x0304 { list.writeMultipleIntegers(UInt16(43), UInt16(2), version) }
        if let group { list.writeMultipleIntegers(UInt16(51), UInt16(2), group) }
        body.writeInteger(UInt16(list.readableBytes))
        body.writeBuffer(&list)
        var bytes = ByteBuffer()
        bytes.writeMultipleIntegers(UInt8(22), UInt16(0x0303), UInt16(body.readableBytes + 4))
        bytes.writeInteger(UInt32(2) << 24 | UInt32(body.readableBytes))
        bytes.writeBuffer(&body)
        for length in records {
            bytes.writeMultipleIntegers(UInt8(23), UInt16(0x0303), UInt16(length))
            bytes.writeRepeatingByte(0, count: length)
        }
        var flight = ServerFlight()
        flight.take(bytes)
        return flight
    }

    @Test
    func `What tells our answer and the site's apart is named`() {
        func reason(_ flight: ServerFlight) -> String {
            let finding = MaskVerdict.hello("a", flight)
            #expect(finding.level == .warn)
            return finding.reason ?? ""
        }
        #expect(reason(flight(version: 0x0303, group: nil)).contains("older TLS"))
        #expect(reason(flight(suite: 0x1302)).contains("0x1302"))
        #expect(reason(flight(group: 0x11ec)).contains("X25519MLKEM768"))
        #expect(reason(flight(group: 0x0017)).contains("another group"))
        #expect(reason(flight(records: [42, 2_000, 300])).contains("3 records"))
        #expect(reason(flight(retry: true, records: [])).contains("another key share"))
        #expect(reason(flight(records: [16_500])).contains("longer than any of ours"))
        #expect(MaskVerdict.hello("a", flight()).level == .pass)
    }

    @Test
    func `Alerts, other protocols and silence are no answer`() {
        var alert = ServerFlight()
        alert.take(ByteBuffer(bytes: [21, 3, 3, 0, 2, 2, 40]))
        #expect(alert.isOver && MaskVerdict.hello("a", alert).value.contains("refuses"))
        var web = ServerFlight()
        web.take(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"))
        #expect(web.isGarbage && web.hello == nil)
        #expect(MaskVerdict.hello("a", nil).level == .warn)
    }

    @Test
    func `Garbage of any kind traps nothing`() {
        var random = SecureRandom()
        for _ in 0..<500 {
            var flight = ServerFlight()
            let prefix: [UInt8] = [22, 3, 3, 0, UInt8.random(in: 0...80, using: &random), 2, 0, 0]
            let noise = (0..<120).map { _ in UInt8.random(in: 0...255, using: &random) }
            flight.take(ByteBuffer(bytes: prefix + noise))
        }
    }
}
