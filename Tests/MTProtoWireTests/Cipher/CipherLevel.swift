import CKeystream
import Testing

/// One implementation of the cipher that this machine can run.
struct CipherLevel: Sendable, CustomTestStringConvertible {
    let number: Int32
    let testDescription: String

    /// Fastest first, the portable one last.
    static let available: [CipherLevel] = {
        let chosen = name()
        let levels = (0..<ck_level_count()).compactMap { number in
            ck_level_select(number) == 1 ? CipherLevel(number: number, testDescription: name()) : nil
        }
        if let first = levels.first(where: { $0.testDescription == chosen }) { _ = ck_level_select(first.number) }
        return levels
    }()

    /// Runs `body` with this level for the whole process, and then with the fastest again.
    func use<Result>(_ body: () throws -> Result) rethrows -> Result {
        #expect(ck_level_select(number) == 1)
        #expect(Self.name() == testDescription)
        defer { Self.available.first?.select() }
        return try body()
    }

    /// Switches the whole process over.
    func select() { _ = ck_level_select(number) }

    private static func name() -> String { String(cString: ck_level_name()) }
}
