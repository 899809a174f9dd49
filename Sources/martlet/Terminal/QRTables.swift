/// Sizes of QR codes of versions 1 to 20, from ISO/IEC 18004:2015, tables 1 and 9.
enum QRTables {
    /// How much of a code may be damaged.
    enum ErrorCorrection: Int, Sendable, CaseIterable {
        /// About 7 %.
        case low
        /// About 15 %.
        case medium

        /// The two bits of the format information.
        var formatBits: Int {
            switch self {
            case .low: 0b01
            case .medium: 0b00
            }
        }
    }

    static let versions = 1...20

    private static let checkCodewordsPerBlock: [[Int]] = [
        [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28],
        [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26],
    ]

    private static let blocks: [[Int]] = [
        [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8],
        [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16],
    ]

    /// Modules along one side.
    static func size(_ version: Int) -> Int { version * 4 + 17 }

    static func checkCodewords(_ version: Int, _ level: ErrorCorrection) -> Int {
        checkCodewordsPerBlock[level.rawValue][version - 1]
    }

    static func blockCount(_ version: Int, _ level: ErrorCorrection) -> Int {
        blocks[level.rawValue][version - 1]
    }

    /// Bytes of data and check codewords together.
    static func codewords(_ version: Int) -> Int {
        // All modules less finder, timing, format, version and alignment patterns.
        var modules = (16 * version + 128) * version + 64
        if version >= 2 {
            let patterns = version / 7 + 2
            modules -= (25 * patterns - 10) * patterns - 55
            if version >= 7 { modules -= 36 }
        }
        return modules / 8
    }

    static func dataCodewords(_ version: Int, _ level: ErrorCorrection) -> Int {
        codewords(version) - checkCodewords(version, level) * blockCount(version, level)
    }

    /// Bits of the length field in byte mode.
    static func lengthBits(_ version: Int) -> Int { version <= 9 ? 8 : 16 }

    /// Bytes of text that fit.
    static func capacity(_ version: Int, _ level: ErrorCorrection) -> Int {
        (dataCodewords(version, level) * 8 - 4 - lengthBits(version)) / 8
    }

    /// Rows and columns on which alignment patterns have their centres.
    static func alignmentCentres(_ version: Int) -> [Int] {
        guard version >= 2 else { return [] }
        let count = version / 7 + 2
        let step = (version * 4 + count * 2 + 1) / (count * 2 - 2) * 2
        let last = size(version) - 7
        return [6] + (0..<(count - 1)).map { last - $0 * step }.reversed()
    }
}
