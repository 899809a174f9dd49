import MTProtoWire
import NIOCore
import Testing

@Suite("Middle-proxy frames")
struct MiddleProxyFrameTests {
    /// What a reader found, in order.
    private enum Found: Equatable {
        case frame([UInt8])
        case failed(WireError)
    }

    /// Reads as a link does: gathers until there is enough, moves on behind every step.
    private static func read(
        _ pieces: [[UInt8]], _ reader: MiddleProxyFrameReader = MiddleProxyFrameReader()
    ) -> [Found] {
        var reader = reader
        var found: [Found] = []
        var held: [UInt8] = []
        var wanted = 4
        for piece in pieces {
            held += piece
            while held.count >= wanted {
                do {
                    switch try held.withUnsafeBytes({ try reader.next($0) }) {
                    case .needMore(let count):
                        #expect(count > held.count)
                        wanted = count
                    case .filler(let count):
                        #expect(count > 0 && count % 4 == 0 && count <= held.count)
                        held.removeFirst(count)
                    case .frame(let payload, let length):
                        #expect(payload == 8..<length - 4 && length <= held.count)
                        found.append(.frame(Array(held[payload])))
                        held.removeFirst(length)
                        wanted = 4
                    }
                } catch {
                    guard let error = error as? WireError else { return [] }
                    return found + [.failed(error)]
                }
            }
        }
        return found
    }

    private static func frame(_ payload: [UInt8], sequence: Int32, crc: CRC = .crc32) -> [UInt8] {
        var writer = MiddleProxyFrameWriter(crc: crc, sequence: sequence)
        var buffer = ByteBuffer()
        writer.write(payload, into: &buffer)
        return Array(buffer: buffer)
    }

    @Test("Frames of the vectors, both ways", arguments: VectorFiles.middleProxy.framing)
    func vectors(vector: MiddleProxyVectors.Framing) throws {
        for (crc, frame) in [(CRC.crc32, vector.frameCrc32.bytes), (.crc32c, vector.frameCrc32C.bytes)] {
            #expect(Self.frame(vector.payload.bytes, sequence: vector.seq, crc: crc) == frame)
            let reader = MiddleProxyFrameReader(crc: crc, sequence: vector.seq)
            #expect(Self.read([frame], reader) == [.frame(vector.payload.bytes)])
        }
        // Behind other bytes, of which the padding must not know.
        var buffer = ByteBuffer(bytes: [1, 2, 3])
        buffer.moveReaderIndex(forwardBy: 1)
        let start = buffer.writerIndex
        var writer = MiddleProxyFrameWriter(sequence: vector.seq)
        writer.write(vector.payload.bytes, into: &buffer)
        MiddleProxyFrameWriter.pad(&buffer, from: start)
        #expect(Array(buffer.readableBytesView.dropFirst(2)) == vector.paddedForCbc.bytes)
    }

    @Test("The checksums are the well-known ones")
    func checkValues() {
        let values = VectorFiles.middleProxy.crcCheckValues
        Array(values.inputAscii.utf8).withUnsafeBytes { bytes in
            #expect(String(CRC.crc32.value(bytes), radix: 16) == values.crc32)
            #expect(String(CRC.crc32c.value(bytes), radix: 16) == values.crc32c)
        }
    }

    @Test("Numbers count upwards, whatever they began with")
    func sequence() {
        var writer = MiddleProxyFrameWriter(sequence: -2)
        var buffer = ByteBuffer()
        for byte in UInt8(0)..<4 {
            writer.write(Array(repeating: byte, count: 8), into: &buffer)
        }
        let reader = MiddleProxyFrameReader(sequence: -2)
        #expect(
            Self.read([Array(buffer: buffer)], reader) == (UInt8(0)..<4).map { .frame(Array(repeating: $0, count: 8)) })
        #expect(writer.sequence == 2)

        var last = MiddleProxyFrameWriter(sequence: .max)
        buffer.clear()
        last.write([1, 2, 3, 4], into: &buffer)
        #expect(last.sequence == .min)
        var atEnd = MiddleProxyFrameReader(sequence: .max)
        #expect(throws: Never.self) { try buffer.withUnsafeReadableBytes { try atEnd.next($0) } }
        #expect(atEnd.sequence == .min)
    }

    @Test("Frames are the same however they are cut, and nothing traps the reader", arguments: CRC.allCases)
    func dripped(crc: CRC) {
        let filler: [UInt8] = [4, 0, 0, 0]
        let stream =
            filler + Self.frame([1, 2, 3, 4], sequence: 0, crc: crc) + filler + filler + filler
            + Self.frame(Array(repeating: 7, count: 64), sequence: 1, crc: crc)
            + Self.frame(Array(repeating: 9, count: 12), sequence: 2, crc: crc) + filler
        let reader = MiddleProxyFrameReader(crc: crc)
        #expect(Self.read([stream], reader).count == 3)
        Drip.check(stream) { Self.read($0, reader) }
    }

    @Test("A step says how many bytes it wants or takes")
    func steps() throws {
        var reader = MiddleProxyFrameReader()
        let frame = Self.frame(Array(repeating: 5, count: 20), sequence: 0)
        let bytes: [UInt8] = [4, 0, 0, 0, 4, 0, 0, 0] + frame
        func next(_ bytes: [UInt8]) throws -> MiddleProxyFrameReader.Step {
            try bytes.withUnsafeBytes { try reader.next($0) }
        }
        #expect(try next([]) == .needMore(atLeast: 4))
        #expect(try next([4, 0, 0]) == .needMore(atLeast: 4))
        #expect(try next(bytes) == .filler(8))
        #expect(try next(Array(frame.prefix(4))) == .needMore(atLeast: 8))
        #expect(try next(Array(frame.prefix(8))) == .needMore(atLeast: 32))
        #expect(try next(Array(frame.prefix(31))) == .needMore(atLeast: 32))
        #expect(try next(frame + [1]) == .frame(payload: 8..<28, length: 32))
        #expect(reader.sequence == 1)
    }

    @Test(
        "Lengths that no frame has",
        arguments: [
            (UInt32(0), WireError.middleProxyBadLength), (1, .middleProxyBadLength), (3, .middleProxyBadLength),
            (5, .middleProxyBadLength), (8, .middleProxyBadLength), (12, .middleProxyBadLength),
            (15, .middleProxyBadLength), (17, .middleProxyBadLength), (.max, .middleProxyBadLength),
            ((16 << 20) + 4, .middleProxyFrameTooLong), (.max - 3, .middleProxyFrameTooLong),
        ])
    func badLength(length: UInt32, error: WireError) {
        let bytes = withUnsafeBytes(of: length.littleEndian) { Array($0) }
        #expect(Self.read([bytes]) == [.failed(error)])
    }

    @Test("A reader may take less than the most there is")
    func shortened() {
        let frame = Self.frame([1, 2, 3, 4, 5, 6, 7, 8], sequence: 0)
        #expect(Self.read([frame], MiddleProxyFrameReader(maximumLength: 20)) == [.frame([1, 2, 3, 4, 5, 6, 7, 8])])
        #expect(Self.read([frame], MiddleProxyFrameReader(maximumLength: 16)) == [.failed(.middleProxyFrameTooLong)])
    }

    @Test("A frame as long as any is read")
    func longest() {
        let payload = [UInt8](repeating: 3, count: MiddleProxyFrameReader.maximumFrameLength - 12)
        let frame = Self.frame(payload, sequence: 0, crc: .crc32c)
        #expect(Self.read([frame], MiddleProxyFrameReader(crc: .crc32c)) == [.frame(payload)])
    }

    @Test("A wrong number, a wrong checksum")
    func wrong() {
        let frame = Self.frame([1, 2, 3, 4], sequence: 1)
        #expect(Self.read([frame]) == [.failed(.middleProxyBadSequence)])
        #expect(Self.read([Array(frame.prefix(8))]) == [.failed(.middleProxyBadSequence)])
        let reader = MiddleProxyFrameReader(sequence: 1)
        for place in [9, 12, 15] {
            var damaged = frame
            damaged[place] ^= 1
            #expect(Self.read([damaged], reader) == [.failed(.middleProxyBadChecksum)])
        }
        #expect(
            Self.read([frame], MiddleProxyFrameReader(crc: .crc32c, sequence: 1)) == [.failed(.middleProxyBadChecksum)])
    }
}
