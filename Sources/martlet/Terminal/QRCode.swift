/// A QR code of bytes: ISO/IEC 18004, model 2, byte mode, versions 1 to 20.
struct QRCode: Sendable, Equatable {
    let version: Int
    let level: QRTables.ErrorCorrection
    let mask: Int
    /// Rows of modules; true is dark.
    let modules: [[Bool]]

    var size: Int { modules.count }

    /// The smallest code that holds the text, with the better of both correction levels that this size allows.
    ///
    /// - Returns: nil when the text is longer than version 20 holds (858 bytes).
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let version = QRTables.versions.first(where: { QRTables.capacity($0, .low) >= bytes.count }) else {
            return nil
        }
        let level: QRTables.ErrorCorrection = QRTables.capacity(version, .medium) >= bytes.count ? .medium : .low
        self.init(bytes, version: version, level: level, mask: nil)
    }

    /// A code of a given shape; without a mask the one with the lowest penalty is taken.
    init?(_ bytes: [UInt8], version: Int, level: QRTables.ErrorCorrection, mask: Int?) {
        guard QRTables.versions.contains(version), QRTables.capacity(version, level) >= bytes.count else { return nil }
        let codewords = QRCodewords(bytes, version: version, level: level).interleaved
        var canvas = QRCanvas(version: version)
        canvas.place(codewords)
        let masks = mask.map { [$0] } ?? Array(0..<8)
        let candidates = masks.map { mask in (mask, canvas.masked(mask, level: level)) }
        guard let best = candidates.min(by: { QRPenalty.of($0.1) < QRPenalty.of($1.1) }) else { return nil }
        self.version = version
        self.level = level
        self.mask = best.0
        modules = best.1
    }
}

/// The bytes of a code: data, padding and check codewords, mixed over the blocks.
struct QRCodewords {
    let interleaved: [UInt8]

    init(_ bytes: [UInt8], version: Int, level: QRTables.ErrorCorrection) {
        let data = Self.dataCodewords(bytes, version: version, level: level)
        let blockCount = QRTables.blockCount(version, level)
        let reedSolomon = ReedSolomon(degree: QRTables.checkCodewords(version, level))
        // The last blocks are one byte longer when the data does not divide evenly.
        let (shortLength, longBlocks) = data.count.quotientAndRemainder(dividingBy: blockCount)
        var rest = data[...]
        let blocks: [(data: [UInt8], check: [UInt8])] = (0..<blockCount).map { index in
            let block = Array(rest.prefix(shortLength + (index >= blockCount - longBlocks ? 1 : 0)))
            rest = rest.dropFirst(block.count)
            return (block, reedSolomon.checkCodewords(for: block))
        }
        interleaved = Self.mixed(blocks.map(\.data)) + Self.mixed(blocks.map(\.check))
    }

    private static func mixed(_ blocks: [[UInt8]]) -> [UInt8] {
        (0..<(blocks.map(\.count).max() ?? 0)).flatMap { index in
            blocks.compactMap { $0.indices.contains(index) ? $0[index] : nil }
        }
    }

    /// Mode 4 (bytes), the length, the bytes, up to four zero bits, then 0xEC and 0x11 in turn.
    static func dataCodewords(_ bytes: [UInt8], version: Int, level: QRTables.ErrorCorrection) -> [UInt8] {
        var bits: [Bool] = []
        func append(_ value: Int, _ count: Int) {
            bits += (0..<count).reversed().map { value >> $0 & 1 == 1 }
        }
        append(0b0100, 4)
        append(bytes.count, QRTables.lengthBits(version))
        for byte in bytes { append(Int(byte), 8) }
        let count = QRTables.dataCodewords(version, level)
        append(0, min(4, count * 8 - bits.count))
        append(0, (8 - bits.count % 8) % 8)
        var result = stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<(start + 8)].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
        }
        var isFirstPad = true
        while result.count < count {
            result.append(isFirstPad ? 0xEC : 0x11)
            isFirstPad.toggle()
        }
        return result
    }
}
