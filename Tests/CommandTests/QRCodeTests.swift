import Foundation
import Testing

@testable import martlet

@Suite
struct QRCodeTests {
    static let link = "https://t.me/proxy?server=127.0.0.1&port=1443&secret=dd000102030405060708090a0b0c0d0e0f"

    @Test
    func `Check codewords are those of the worked example of the field`() {
        // "HELLO WORLD" in version 1-M, as tutorials and the standard's annex compute it.
        let data: [UInt8] = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17]
        let check: [UInt8] = [196, 35, 39, 119, 235, 215, 231, 226, 93, 23]
        #expect(ReedSolomon(degree: 10).checkCodewords(for: data) == check)
    }

    @Test
    func `Format and version fields are those of the standard's tables`() {
        let low = [0x77C4, 0x72F3, 0x7DAA, 0x789D, 0x662F, 0x6318, 0x6C41, 0x6976]
        let medium = [0x5412, 0x5125, 0x5E7C, 0x5B4B, 0x45F9, 0x40CE, 0x4F97, 0x4AA0]
        #expect((0..<8).map { QRFormat.bits(level: .low, mask: $0) } == low)
        #expect((0..<8).map { QRFormat.bits(level: .medium, mask: $0) } == medium)
        #expect([7, 8, 9, 10, 20].map(QRFormat.versionBits) == [0x07C94, 0x085BC, 0x09A99, 0x0A4D3, 0x149A6])
    }

    @Test
    func `Capacities and patterns are those of the standard's tables`() {
        let low = [17, 32, 53, 78, 106, 134, 154, 192, 230, 271, 321, 367, 425, 458, 520, 586, 644, 718, 792, 858]
        let medium = [14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666]
        #expect(QRTables.versions.map { QRTables.capacity($0, .low) } == low)
        #expect(QRTables.versions.map { QRTables.capacity($0, .medium) } == medium)
        #expect(QRTables.alignmentCentres(1) == [])
        #expect(QRTables.alignmentCentres(2) == [6, 18])
        #expect(QRTables.alignmentCentres(7) == [6, 22, 38])
        #expect(QRTables.alignmentCentres(15) == [6, 26, 48, 70])
        #expect(QRTables.alignmentCentres(20) == [6, 34, 62, 90])
    }

    @Test(arguments: QRTables.versions, QRTables.ErrorCorrection.allCases)
    func `A full code of every size reads back as its text`(version: Int, level: QRTables.ErrorCorrection) throws {
        let bytes = (0..<QRTables.capacity(version, level)).map { UInt8(truncatingIfNeeded: $0 * 37 + version) }
        let code = try #require(QRCode(bytes, version: version, level: level, mask: version % 8))
        #expect(code.size == version * 4 + 17)
        let reader = try QRReader(code.modules)
        #expect(reader.version == version && reader.mask == code.mask && reader.level == level)
        #expect(try reader.bytes() == bytes)
        #expect(QRCode(bytes + [0], version: version, level: level, mask: nil) == nil)
    }

    @Test(arguments: 0..<8)
    func `A code reads under every mask`(mask: Int) throws {
        let code = try #require(QRCode(Array(Self.link.utf8), version: 7, level: .low, mask: mask))
        let reader = try QRReader(code.modules)
        #expect(reader.mask == mask)
        #expect(String(decoding: try reader.bytes(), as: UTF8.self) == Self.link)
    }

    @Test
    func `The smallest size is taken, with the better correction where it costs nothing`() throws {
        #expect(try #require(QRCode("")).version == 1)
        #expect(try #require(QRCode(String(repeating: "a", count: 14))).level == .medium)
        #expect(try #require(QRCode(String(repeating: "a", count: 15))).level == .low)
        #expect(try #require(QRCode(String(repeating: "a", count: 18))).version == 2)
        #expect(QRCode(String(repeating: "a", count: 858))?.version == 20)
        #expect(QRCode(String(repeating: "a", count: 859)) == nil)
    }

    @Test
    func `The drawing shows every module and a quiet zone of four`() throws {
        let code = try #require(QRCode(Self.link))
        for isColoured in [true, false] {
            let drawn = try QRReader.modules(
                drawing: QRDrawing.lines(code, isColoured: isColoured), isColoured: isColoured)
            #expect(drawn == code.modules)
        }
        #expect(QRDrawing.width(code) == code.size + 8)
    }

    /// Only where the reader is installed (Debian: zbar-tools).
    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/zbarimg")))
    func `A reader that others wrote reads the code`() async throws {
        let long =
            "https://t.me/proxy?server=proxy.example.com&port=443&secret=ee000102030405060708090a0b0c0d0e0f"
            + "7777772e6578616d706c652e636f6d"
        for text in [Self.link, long, String(repeating: "0123456789", count: 40)] {
            let code = try #require(QRCode(text))
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/code.pgm"
                try Data(QRReader.image(code.modules)).write(to: URL(fileURLWithPath: path))
                let read = try await run("/usr/bin/zbarimg", ["--quiet", "--raw", path]).output
                #expect(read.trimmingCharacters(in: .newlines) == text)
            }
        }
    }
}
