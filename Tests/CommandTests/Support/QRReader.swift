@testable import martlet

/// Reads a QR code back from its modules, by the standard and without the encoder's own steps where they matter: the
/// fields are read from the second copy, and a block is right when its syndromes vanish.
struct QRReader {
    enum Failure: Error { case format, version, syndrome, mode, drawing }

    let modules: [[Bool]]
    let version: Int
    let level: QRTables.ErrorCorrection
    let mask: Int

    init(_ modules: [[Bool]]) throws {
        self.modules = modules
        version = (modules.count - 17) / 4
        let size = modules.count
        // First copy around the upper left finder, most significant bit first.
        let places =
            (0..<6).map { (8, $0) } + [(8, 7), (8, 8), (7, 8)] + (0..<6).reversed().map { ($0, 8) }
        let first = places.reduce(0) { $0 << 1 | (modules[$1.0][$1.1] ? 1 : 0) }
        let copy = (0..<7).map { (size - 1 - $0, 8) } + (0..<8).map { (8, size - 8 + $0) }
        let second = copy.reduce(0) { $0 << 1 | (modules[$1.0][$1.1] ? 1 : 0) }
        guard first == second, modules[size - 8][8] else { throw Failure.format }
        let data = (first ^ 0x5412) >> 10
        mask = data & 7
        level = data >> 3 == 1 ? .low : .medium
        guard data >> 3 <= 1 else { throw Failure.format }
        guard version < 7 || Self.versionField(modules) == version else { throw Failure.version }
    }

    private static func versionField(_ modules: [[Bool]]) -> Int {
        let size = modules.count
        let bits = (0..<18).reversed().reduce(0) { $0 << 1 | (modules[size - 11 + $1 % 3][$1 / 3] ? 1 : 0) }
        let other = (0..<18).reversed().reduce(0) { $0 << 1 | (modules[$1 / 3][size - 11 + $1 % 3] ? 1 : 0) }
        return bits == other ? bits >> 12 : -1
    }

    /// The text, after every block was checked.
    func bytes() throws -> [UInt8] {
        let blockCount = QRTables.blockCount(version, level)
        let check = QRTables.checkCodewords(version, level)
        let codewords = codewords()
        let dataCount = codewords.count - check * blockCount
        var blocks = Array(repeating: [UInt8](), count: blockCount)
        let short = dataCount / blockCount
        var index = 0
        for round in 0...short {
            for block in 0..<blockCount where round < short || block >= blockCount - dataCount % blockCount {
                blocks[block].append(codewords[index])
                index += 1
            }
        }
        let data = blocks.flatMap { $0 }
        for _ in 0..<check {
            for block in 0..<blockCount {
                blocks[block].append(codewords[index])
                index += 1
            }
        }
        for block in blocks {
            var root: UInt8 = 1
            for _ in 0..<check {
                guard block.reduce(0, { ReedSolomon.multiply($0, root) ^ $1 }) == 0 else { throw Failure.syndrome }
                root = ReedSolomon.multiply(root, 2)
            }
        }
        return try Self.text(data, lengthBits: version <= 9 ? 8 : 16)
    }

    private static func text(_ data: [UInt8], lengthBits: Int) throws -> [UInt8] {
        let bits = data.flatMap { byte in (0..<8).reversed().map { Int(byte >> UInt8($0) & 1) } }
        func number(_ start: Int, _ count: Int) -> Int { bits[start..<(start + count)].reduce(0) { $0 << 1 | $1 } }
        guard number(0, 4) == 4 else { throw Failure.mode }
        let start = 4 + lengthBits
        return (0..<number(4, lengthBits)).map { UInt8(number(start + $0 * 8, 8)) }
    }

    private func codewords() -> [UInt8] {
        let size = modules.count
        var bits: [Bool] = []
        var upward = true
        for right in stride(from: size - 1, through: 1, by: -2).map({ $0 <= 6 ? $0 - 1 : $0 }) where right > 0 {
            for row in upward ? Array((0..<size).reversed()) : Array(0..<size) {
                for column in [right, right - 1] where !isFunction(row, column) {
                    bits.append(modules[row][column] != Self.inverts(mask, row, column))
                }
            }
            upward.toggle()
        }
        return (0..<(bits.count / 8)).map { index in
            bits[(index * 8)..<(index * 8 + 8)].reduce(0) { $0 << 1 | ($1 ? 1 : 0) }
        }
    }

    private func isFunction(_ row: Int, _ column: Int) -> Bool {
        let size = modules.count
        if row == 6 || column == 6 { return true }
        if row < 9 && (column < 9 || column >= size - 8) { return true }
        if row >= size - 8 && column < 9 { return true }
        if version >= 7, (row < 6 && column >= size - 11) || (column < 6 && row >= size - 11) { return true }
        let centres = QRTables.alignmentCentres(version)
        guard let last = centres.last else { return false }
        return centres.contains { y in
            centres.contains { x in
                !((y == 6 && x == 6) || (y == 6 && x == last) || (y == last && x == 6))
                    && abs(row - y) <= 2 && abs(column - x) <= 2
            }
        }
    }

    private static func inverts(_ mask: Int, _ i: Int, _ j: Int) -> Bool {
        let value = [
            (i + j) % 2, i % 2, j % 3, (i + j) % 3, (i / 2 + j / 3) % 2, (i * j) % 2 + (i * j) % 3,
            ((i * j) % 2 + (i * j) % 3) % 2, ((i + j) % 2 + (i * j) % 3) % 2,
        ][mask]
        return value == 0
    }

    /// The modules of a drawing in half blocks.
    static func modules(drawing lines: [String], isColoured: Bool) throws -> [[Bool]] {
        var rows: [[Bool]] = []
        for line in lines {
            let cells =
                isColoured
                ? String(line.drop { $0 != "m" }.dropFirst()).split(separator: "\u{1B}").first ?? "" : line[...]
            var pair: [[Bool]] = [[], []]
            for cell in cells {
                let inked: (Bool, Bool)
                switch cell {
                case "█": inked = (true, true)
                case "▀": inked = (true, false)
                case "▄": inked = (false, true)
                case " ": inked = (false, false)
                default: throw Failure.drawing
                }
                pair[0].append(inked.0 == isColoured)
                pair[1].append(inked.1 == isColoured)
            }
            rows += pair
        }
        let size = rows[0].count - 8
        guard rows.prefix(4).allSatisfy({ !$0.contains(true) }),
            rows.dropFirst(4 + size).allSatisfy({ !$0.contains(true) })
        else { throw Failure.drawing }
        return rows[4..<(4 + size)].map { Array($0[4..<(4 + size)]) }
    }

    /// A grey image (PGM) with 6 pixels per module.
    static func image(_ modules: [[Bool]]) -> [UInt8] {
        let scale = 6
        let side = (modules.count + 8) * scale
        var bytes = Array("P5\n\(side) \(side)\n255\n".utf8)
        for y in 0..<side {
            for x in 0..<side {
                let (row, column) = (y / scale - 4, x / scale - 4)
                let isInside = modules.indices.contains(row) && modules.indices.contains(column)
                bytes.append(isInside && modules[row][column] ? 0 : 255)
            }
        }
        return bytes
    }
}
