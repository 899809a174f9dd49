import Foundation
import Testing

@testable import ProxyDoctor

@Suite
struct DoctorPageTests {
    private static let page: String? = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try? String(
            contentsOf: folder.deletingLastPathComponent().appending(path: "docs/doctor.md"), encoding: .utf8)
    }()

    @Test
    func `The page explains every check, and none that there is not`() throws {
        let page = try #require(Self.page)
        let rows = page.split(separator: "\n").compactMap { $0.firstMatch(of: /^\| `([a-z.-]+)` \|/)?.1 }
        #expect(rows.map(String.init) == CheckID.allCases.map(\.rawValue))
    }

    @Test
    func `The numbers of the page are those of the program`() throws {
        let page = try #require(Self.page)
        #expect(page.contains("more than \(ClockVerdict.warnAbove) s") && page.contains("\(ClockVerdict.failAbove) s"))
    }
}
