/// A QR code as text: two modules above each other in one character.
enum QRDrawing {
    /// Light modules around the code that readers need to find it.
    static let quietZone = 4

    /// Columns that the drawing takes.
    static func width(_ code: QRCode) -> Int { code.size + 2 * quietZone }

    /// - Parameter isColoured: black on white by the terminal's own colours, so that it reads on every theme; otherwise
    ///   light modules are drawn as blocks, which is right where text is light on dark.
    static func lines(_ code: QRCode, isColoured: Bool) -> [String] {
        let range = -quietZone..<(code.size + quietZone)
        return stride(from: range.lowerBound, to: range.upperBound, by: 2).map { row in
            let cells = range.map { column in
                let upper = isDark(code, row, column)
                // The last row of an odd height has nothing below: the quiet zone goes on.
                let lower = isDark(code, row + 1, column)
                return isColoured ? cell(upper, lower) : cell(!upper, !lower)
            }.joined()
            return isColoured ? "\u{1B}[38;5;16;48;5;231m\(cells)\u{1B}[0m" : cells
        }
    }

    private static func isDark(_ code: QRCode, _ row: Int, _ column: Int) -> Bool {
        (0..<code.size).contains(row) && (0..<code.size).contains(column) && code.modules[row][column]
    }

    private static func cell(_ upper: Bool, _ lower: Bool) -> String {
        switch (upper, lower) {
        case (true, true): "█"
        case (true, false): "▀"
        case (false, true): "▄"
        case (false, false): " "
        }
    }
}
