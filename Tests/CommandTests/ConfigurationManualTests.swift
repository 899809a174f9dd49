import Foundation
import Testing

@testable import martlet

@Suite
struct ConfigurationManualTests {
    @Test
    func `The page about the configuration says what the program says`() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let page = folder.deletingLastPathComponent().appending(path: "docs/configuration.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let made = ConfigurationManual().text()
        let missing = made.split(separator: "\n").filter { !text.contains($0) }
        #expect(missing.isEmpty, "run `make configuration-page`")
        // What is printed ends with one more line break.
        #expect(text.trimmingCharacters(in: .newlines) == made.trimmingCharacters(in: .newlines))
    }

    @Test
    func `Every option and every field is on the page`() {
        let text = ConfigurationManual().text()
        for option in OptionTable.all { #expect(text.contains("| `\(option.key)` |"), "\(option.key)") }
        for table in OptionTable.tables {
            for field in table.fields { #expect(text.contains("| `\(field.key)` |"), "\(table.name).\(field.key)") }
        }
    }
}
