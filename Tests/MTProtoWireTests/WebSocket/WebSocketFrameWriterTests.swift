import MTProtoWire
import NIOCore
import Testing

@Suite("WebSocketFrameWriter")
struct WebSocketFrameWriterTests {
    /// The mask of the specification's examples, 37 fa 21 3d on the wire.
    private static let mask: UInt32 = 0x3d21_fa37

    /// RFC 6455, section 5.7.
    @Test("The specification's examples")
    func examples() {
        let text = WebSocketFrameWriter.frame(.text, payload: "Hello".utf8, mask: Self.mask)
        #expect(
            Array(text.readableBytesView) == [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
        let pong = WebSocketFrameWriter.pong(ByteBuffer(string: "Hello"), mask: Self.mask)
        #expect(
            Array(pong.readableBytesView) == [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
    }

    @Test(
        "A header says the length in the shortest form",
        arguments: [
            (0, [UInt8(0x82), 0x80, 1, 2, 3, 4]),
            (125, [0x82, 0xfd, 1, 2, 3, 4]),
            (126, [0x82, 0xfe, 0, 126, 1, 2, 3, 4]),
            (65_535, [0x82, 0xfe, 0xff, 0xff, 1, 2, 3, 4]),
            (65_536, [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4]),
            (16_777_220, [0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 4, 1, 2, 3, 4]),
        ])
    func headers(payloadLength: Int, expected: [UInt8]) {
        for offset in 0..<4 {
            var space = [UInt8](repeating: 0xaa, count: WebSocketFrameWriter.maximumHeaderLength + offset)
            let length = space.withUnsafeMutableBytes { space in
                space.baseAddress.map {
                    WebSocketFrameWriter.writeHeader(
                        .binary, payloadLength: payloadLength, mask: 0x0403_0201, into: $0 + offset)
                }
            }
            #expect(length == expected.count)
            #expect(WebSocketFrameWriter.headerLength(payloadLength: payloadLength) == expected.count)
            #expect(Array(space[offset..<offset + expected.count]) == expected)
            #expect(space[(offset + expected.count)...].allSatisfy { $0 == 0xaa })
        }
    }

    @Test("Control frames carry what they should")
    func controls() {
        #expect(Array(WebSocketFrameWriter.ping(mask: 0).readableBytesView) == [0x89, 0x80, 0, 0, 0, 0])
        #expect(Array(WebSocketFrameWriter.close(code: nil, mask: 0).readableBytesView) == [0x88, 0x80, 0, 0, 0, 0])
        #expect(
            Array(WebSocketFrameWriter.close(code: 1000, mask: 0x0000_00ff).readableBytesView)
                == [0x88, 0x82, 0xff, 0, 0, 0, 0xfc, 0xe8])
        let pong = WebSocketFrameWriter.pong(ByteBuffer(repeating: 1, count: 500), mask: 0)
        #expect(pong.readableBytes == 6 + 125)
    }

    @Test("An unmasked frame is what the reader reads", arguments: [0, 1, 7, 64, 125, 126, 1_000, 65_535, 65_536])
    func roundTrip(length: Int) throws {
        var generator = Drip.Generator(seed: UInt64(length))
        let payload = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let mask = UInt32.random(in: .min ... .max, using: &generator)
        var bytes = Array(WebSocketFrameWriter.frame(.binary, payload: payload, mask: mask).readableBytesView)

        let headerLength = WebSocketFrameWriter.headerLength(payloadLength: length)
        let maskBytes = bytes[headerLength - 4..<headerLength]
        #expect(Array(maskBytes) == withUnsafeBytes(of: mask.littleEndian) { Array($0) })
        for index in 0..<length { bytes[headerLength + index] ^= maskBytes[maskBytes.startIndex + index % 4] }
        bytes[1] &= 0x7f
        bytes.removeSubrange(headerLength - 4..<headerLength)

        var reader = WebSocketFrameReader()
        var buffer = ByteBuffer(bytes: bytes)
        #expect(try reader.next(&buffer) == (length == 0 ? .needMore : .data(count: length)))
        #expect(Array(buffer.readableBytesView) == payload)
    }
}
