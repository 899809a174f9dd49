/// The square in the making: function patterns first, then the codewords in their zigzag, then a mask.
struct QRCanvas {
    private let version: Int
    private let size: Int
    private var modules: [[Bool]]
    /// Modules that belong to patterns: neither data nor mask touches them.
    private var isFunction: [[Bool]]

    init(version: Int) {
        self.version = version
        size = QRTables.size(version)
        modules = Array(repeating: Array(repeating: false, count: size), count: size)
        isFunction = modules
        drawTiming()
        drawFinders()
        drawAlignment()
        reserveFormat()
        drawVersion()
    }

    /// Fills the free modules from the lower right corner in columns of two, up and down in turn.
    mutating func place(_ codewords: [UInt8]) {
        var bit = 0
        var isUpward = true
        var right = size - 1
        while right >= 1 {
            // The column of the vertical timing pattern is stepped over.
            if right == 6 { right = 5 }
            for step in 0..<size {
                let row = isUpward ? size - 1 - step : step
                for column in [right, right - 1] where !isFunction[row][column] && bit < codewords.count * 8 {
                    modules[row][column] = codewords[bit >> 3] >> UInt8(7 - bit & 7) & 1 == 1
                    bit += 1
                }
            }
            isUpward.toggle()
            right -= 2
        }
    }

    /// The finished modules under one of the eight masks.
    func masked(_ mask: Int, level: QRTables.ErrorCorrection) -> [[Bool]] {
        var copy = self
        for row in 0..<size {
            for column in 0..<size where !isFunction[row][column] && Self.inverts(mask, row, column) {
                copy.modules[row][column].toggle()
            }
        }
        copy.drawFormat(QRFormat.bits(level: level, mask: mask))
        return copy.modules
    }

    static func inverts(_ mask: Int, _ row: Int, _ column: Int) -> Bool {
        switch mask {
        case 0: (row + column) % 2 == 0
        case 1: row % 2 == 0
        case 2: column % 3 == 0
        case 3: (row + column) % 3 == 0
        case 4: (row / 2 + column / 3) % 2 == 0
        case 5: row * column % 2 + row * column % 3 == 0
        case 6: (row * column % 2 + row * column % 3) % 2 == 0
        default: ((row + column) % 2 + row * column % 3) % 2 == 0
        }
    }

    // MARK: Patterns

    private mutating func set(_ row: Int, _ column: Int, _ isDark: Bool) {
        modules[row][column] = isDark
        isFunction[row][column] = true
    }

    private mutating func drawTiming() {
        for index in 0..<size {
            set(6, index, index % 2 == 0)
            set(index, 6, index % 2 == 0)
        }
    }

    /// Three squares of 7 modules with a light border.
    private mutating func drawFinders() {
        for (centreRow, centreColumn) in [(3, 3), (3, size - 4), (size - 4, 3)] {
            for row in -4...4 {
                for column in -4...4 {
                    let (y, x) = (centreRow + row, centreColumn + column)
                    guard (0..<size).contains(y), (0..<size).contains(x) else { continue }
                    let distance = max(abs(row), abs(column))
                    set(y, x, distance != 2 && distance != 4)
                }
            }
        }
    }

    private mutating func drawAlignment() {
        let centres = QRTables.alignmentCentres(version)
        for row in centres {
            for column in centres {
                let isFinder =
                    (row == 6 && column == 6) || (row == 6 && column == centres.last)
                    || (row == centres.last && column == 6)
                if isFinder { continue }
                for dy in -2...2 {
                    for dx in -2...2 { set(row + dy, column + dx, max(abs(dy), abs(dx)) != 1) }
                }
            }
        }
    }

    private mutating func reserveFormat() {
        drawFormat(0)
    }

    /// Both copies of the 15 format bits, lowest bit first, and the module that is always dark.
    private mutating func drawFormat(_ bits: Int) {
        func bit(_ index: Int) -> Bool { bits >> index & 1 == 1 }
        for index in 0..<6 { set(index, 8, bit(index)) }
        set(7, 8, bit(6))
        set(8, 8, bit(7))
        set(8, 7, bit(8))
        for index in 9..<15 { set(8, 14 - index, bit(index)) }
        for index in 0..<8 { set(8, size - 1 - index, bit(index)) }
        for index in 8..<15 { set(size - 15 + index, 8, bit(index)) }
        set(size - 8, 8, true)
    }

    /// Both copies of the 18 version bits, from version 7 on.
    private mutating func drawVersion() {
        guard version >= 7 else { return }
        let bits = QRFormat.versionBits(version)
        for index in 0..<18 {
            let isDark = bits >> index & 1 == 1
            set(size - 11 + index % 3, index / 3, isDark)
            set(index / 3, size - 11 + index % 3, isDark)
        }
    }
}

/// The two fields that describe the code itself, each with its own check bits.
enum QRFormat {
    /// 5 bits and 10 check bits by BCH(15, 5), XORed with a fixed pattern so that they are never all light.
    static func bits(level: QRTables.ErrorCorrection, mask: Int) -> Int {
        let data = level.formatBits << 3 | mask
        return (data << 10 | remainder(data, generator: 0x537, bits: 10)) ^ 0x5412
    }

    /// 6 bits and 12 check bits by BCH(18, 6).
    static func versionBits(_ version: Int) -> Int {
        version << 12 | remainder(version, generator: 0x1F25, bits: 12)
    }

    private static func remainder(_ data: Int, generator: Int, bits: Int) -> Int {
        var remainder = data
        for _ in 0..<bits { remainder = remainder << 1 ^ (remainder >> (bits - 1) & 1) * generator }
        return remainder
    }
}

/// How badly a pattern reads: the mask with the lowest sum is used. ISO/IEC 18004, section 7.8.3.
enum QRPenalty {
    static func of(_ modules: [[Bool]]) -> Int {
        let size = modules.count
        let columns = (0..<size).map { column in modules.map { $0[column] } }
        let lines = (modules + columns).reduce(0) { $0 + runs($1) + finderLikes($1) }
        return lines + blocks(modules) + balance(modules)
    }

    /// Five or more of one colour in a row: 3, and 1 more for each further module.
    private static func runs(_ line: [Bool]) -> Int {
        var total = 0
        var length = 0
        var previous: Bool?
        for module in line {
            length = module == previous ? length + 1 : 1
            previous = module
            if length == 5 { total += 3 } else if length > 5 { total += 1 }
        }
        return total
    }

    /// 1:1:3:1:1 with four light modules on one side looks like a finder: 40 each.
    private static func finderLikes(_ line: [Bool]) -> Int {
        var total = 0
        // The last eleven modules as bits; beyond both edges lies the light quiet zone.
        var window = 0
        for index in 0..<(line.count + 4) {
            window = (window << 1 | (index < line.count && line[index] ? 1 : 0)) & 0x7FF
            if window == 0b101_1101_0000 || window == 0b000_0101_1101 { total += 40 }
        }
        return total
    }

    /// Squares of 2 x 2 of one colour: 3 each.
    private static func blocks(_ modules: [[Bool]]) -> Int {
        var total = 0
        for row in 0..<(modules.count - 1) {
            for column in 0..<(modules.count - 1) {
                let colour = modules[row][column]
                if modules[row][column + 1] == colour, modules[row + 1][column] == colour,
                    modules[row + 1][column + 1] == colour
                {
                    total += 3
                }
            }
        }
        return total
    }

    /// 10 for every 5 % that the share of dark modules is away from half.
    private static func balance(_ modules: [[Bool]]) -> Int {
        let total = modules.count * modules.count
        let dark = modules.reduce(0) { $0 + $1.count { $0 } }
        return abs(dark * 20 - total * 10) / total * 10
    }
}
