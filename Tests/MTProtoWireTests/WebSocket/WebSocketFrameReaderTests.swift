import MTProtoWire
import NIOCore
import Testing

@Suite("WebSocketFrameReader")
struct WebSocketFrameReaderTests {
    /// What came out of a reader: the payload as one stream, and the control frames with the place where they stood.
    private struct Outcome: Equatable {
        var payload: [UInt8] = []
        var controls: [Control] = []
        var error: WireError?

        struct Control: Equatable {
            var place: Int
            var event: WebSocketFrameReader.Event
        }
    }

    private static func read(_ pieces: [[UInt8]]) -> Outcome {
        var reader = WebSocketFrameReader()
        var outcome = Outcome()
        for piece in pieces where outcome.error == nil {
            var buffer = ByteBuffer(bytes: piece)
            do throws(WireError) {
                while try read(&buffer, &reader, &outcome) {}
                #expect(buffer.readableBytes == 0)
            } catch {
                outcome.error = error
            }
        }
        return outcome
    }

    /// Takes one event; false when the buffer is used up.
    private static func read(
        _ buffer: inout ByteBuffer, _ reader: inout WebSocketFrameReader, _ outcome: inout Outcome
    ) throws(WireError) -> Bool {
        let event = try reader.next(&buffer)
        switch event {
        case .needMore:
            return false
        case .data(let count):
            #expect(count > 0)
            outcome.payload += buffer.readBytes(length: count) ?? []
        case .ping, .pong, .close:
            outcome.controls.append(.init(place: outcome.payload.count, event: event))
        }
        return true
    }

    /// A frame as a server sends it.
    private static func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let count = payload.count
        let length: [UInt8] =
            switch count {
            case ..<126: [UInt8(count)]
            case ..<65_536: [126, UInt8(count >> 8), UInt8(count & 0xff)]
            default: [127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
            }
        return [first] + length + payload
    }

    /// A fragmented message with a ping inside, a text message, an empty one, a pong, a longer message, a close.
    private static let conversation =
        frame(0x02, Array("ab".utf8)) + frame(0x89, [1, 2]) + frame(0x00, []) + frame(0x80, Array("cd".utf8))
        + frame(0x81, Array("ef".utf8)) + frame(0x82, []) + frame(0x8a, [9])
        + frame(0x82, Array(repeating: 0x55, count: 130)) + frame(0x88, [0x03, 0xe9] + Array("bye".utf8))

    @Test("Fragments, messages and text frames are one stream, control frames stand between them")
    func conversation() {
        let outcome = Self.read([Self.conversation])
        #expect(outcome.payload == Array("abcdef".utf8) + Array(repeating: 0x55, count: 130))
        #expect(
            outcome.controls == [
                .init(place: 2, event: .ping(ByteBuffer(bytes: [1, 2]))),
                .init(place: 6, event: .pong),
                .init(place: 136, event: .close(code: 1001, reason: "bye")),
            ])
        #expect(outcome.error == nil)
    }

    @Test("Frames are the same however the network cuts them, and nothing traps the reader")
    func dripped() {
        Drip.check(Self.conversation, decode: Self.read)
    }

    /// RFC 6455, section 5.7.
    @Test(
        "The specification's examples",
        arguments: [
            [UInt8(0x81), 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
            [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f],
        ])
    func examples(bytes: [UInt8]) {
        #expect(Self.read([bytes]) == Outcome(payload: Array("Hello".utf8)))
    }

    @Test("Every form of length is read", arguments: [0, 1, 125, 126, 65_535, 65_536, 200_000])
    func lengths(length: Int) {
        let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        #expect(Self.read([Self.frame(0x82, payload) + Self.frame(0x82, [7])]) == Outcome(payload: payload + [7]))
    }

    @Test("A length written longer than needed is taken as it is")
    func lavishLength() {
        #expect(Self.read([[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 2, 8, 9]]) == Outcome(payload: [8, 9]))
    }

    @Test("Payload is passed on as it arrives")
    func streamed() throws {
        var reader = WebSocketFrameReader()
        var buffer = ByteBuffer(bytes: [0x82, 126, 0x01, 0x00, 1, 2, 3])
        #expect(try reader.next(&buffer) == .data(count: 3))
        #expect(buffer.readBytes(length: 3) == [1, 2, 3])
        #expect(try reader.next(&buffer) == .needMore)
        buffer = ByteBuffer(repeating: 5, count: 300)
        #expect(try reader.next(&buffer) == .data(count: 253))
    }

    @Test("The longest frame is read, a longer one is an error")
    func longest() throws {
        let length = WebSocketFrameReader.maximumFrameLength
        func bytes(_ length: Int) -> [UInt8] {
            [0x82, 127] + (0..<8).map { UInt8(truncatingIfNeeded: length >> (56 - 8 * $0)) }
        }
        #expect(Self.read([bytes(length)]).error == nil)
        #expect(Self.read([bytes(length + 1)]).error == .webSocketFrameTooLong)
        #expect(Self.read([[0x82, 127] + Array(repeating: 0xff, count: 8)]).error == .webSocketFrameTooLong)
    }

    @Test("A control frame of 125 bytes and an empty one are read")
    func controlLengths() {
        let payload = [UInt8](repeating: 3, count: 125)
        let outcome = Self.read([Self.frame(0x89, payload) + Self.frame(0x89, []) + Self.frame(0x8a, payload)])
        let events: [WebSocketFrameReader.Event] = [.ping(ByteBuffer(bytes: payload)), .ping(ByteBuffer()), .pong]
        #expect(outcome.controls.map(\.event) == events)
    }

    @Test("A close may be bare, and what follows it is ignored")
    func bareClose() {
        let outcome = Self.read([[0x88, 0x00, 0xff, 0xff], [1, 2, 3]])
        #expect(outcome == Outcome(controls: [.init(place: 0, event: .close(code: nil, reason: ""))]))
    }

    @Test("A reason that is no UTF-8 is repaired")
    func brokenReason() {
        let outcome = Self.read([Self.frame(0x88, [0x03, 0xe8, 0x61, 0xff])])
        #expect(outcome.controls.map(\.event) == [.close(code: 1000, reason: "a\u{fffd}")])
    }

    @Test(
        "What a server must not send is an error",
        arguments: [
            ([UInt8(0xc2), 0x00], WireError.webSocketReservedBits),
            ([0xa2, 0x00], .webSocketReservedBits),
            ([0x92, 0x00], .webSocketReservedBits),
            ([0x83, 0x00], .webSocketUnknownOpcode),
            ([0x8b, 0x00], .webSocketUnknownOpcode),
            ([0x82, 0x81, 0, 0, 0, 0, 1], .webSocketMaskedByServer),
            ([0x09, 0x00], .webSocketFragmentedControl),
            ([0x08, 0x00], .webSocketFragmentedControl),
            ([0x89, 126, 0, 126], .webSocketControlTooLong),
            ([0x88, 127], .webSocketControlTooLong),
            ([0x80, 0x00], .webSocketStrayContinuation),
            ([0x82, 0x00, 0x00, 0x00], .webSocketStrayContinuation),
            ([0x02, 0x00, 0x82, 0x00], .webSocketInterruptedMessage),
            ([0x02, 0x00, 0x01, 0x00], .webSocketInterruptedMessage),
            ([0x88, 0x01, 0x03], .webSocketBadClose),
        ])
    func violations(bytes: [UInt8], error: WireError) {
        #expect(Self.read([bytes]).error == error)
    }
}
