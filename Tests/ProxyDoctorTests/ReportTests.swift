import Foundation
import Testing

@testable import ProxyDoctor

@Suite
struct ReportTests {
    private func report(_ findings: [Finding]) -> Report {
        Report(version: "1.2.3", findings: findings, milliseconds: 12)
    }

    private let good = Finding.pass(.dataCenter, "2", "fine", measured: ["best_ms": 3.5])
    private let odd = Finding.trouble(
        .warn, .route, "2 tcp", "refused", because: "Nobody serves there.", advice: "look", commands: ["nc -vz"])
    private let bad = Finding.trouble(.fail, .webClock, "2 h ahead", because: "Off.", advice: "set it")

    @Test
    func `The worst finding decides`() {
        #expect(report([]).level == .skipped)
        #expect(report([.skipped(.maskHost, "nothing"), good]).level == .pass)
        #expect(report([good, odd]).level == .warn)
        #expect(report([odd, bad, good]).level == .fail)
    }

    @Test
    func `One sentence says what it comes to`() {
        #expect(report([good, .pass(.cipher, "x")]).sentence == "All is well: 2 checks passed.")
        #expect(report([good, odd]).sentence == "Nothing failed, with 1 warning: dc.route 2 tcp.")
        #expect(report([good, odd, bad]).sentence == "1 check failed: clock.web; 1 warning beside.")
        #expect(report([.skipped(.maskHost, "no")]).sentence == "There was nothing to check.")
        let many = (0..<6).map { Finding.trouble(.fail, .dataCenter, "\($0)", "x", because: "y", advice: "z") }
        #expect(report(many).sentence == "6 checks failed: dc 0, dc 1, dc 2, dc 3 and 2 more.")
    }

    @Test
    func `Findings stand in the order of the checks, and of their subjects`() {
        let second = Finding.pass(.dataCenter, "4", "fine")
        #expect(report([odd, good, second, bad]).findings == [bad, good, second, odd])
    }

    @Test
    func `JSON has stable names and numbers`() throws {
        let data = try JSONEncoder().encode(report([good, bad]))
        let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let verdict = try #require(json["verdict"] as? [String: Any])
        #expect(verdict["level"] as? String == "fail" && verdict["failed"] as? Int == 1)
        let checks = try #require(json["checks"] as? [[String: Any]])
        #expect(checks.map { $0["id"] as? String } == ["clock.web", "dc"])
        #expect(checks[1]["subject"] as? String == "2")
        #expect((checks[1]["measured"] as? [String: Double])?["best_ms"] == 3.5)
        #expect(checks[0]["advice"] as? String == "set it")
    }

    @Test
    func `The table has a line per finding, then what to do, failures first, then the sentence`() {
        let text = ReportText(report([good, odd, bad]), isColoured: false).text
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines.contains("  ok    dc 2            fine"))
        #expect(lines.last == report([good, odd, bad]).sentence)
        let failed = lines.firstIndex { $0.contains("failed clock.web") } ?? .max
        let warning = lines.firstIndex { $0.contains("warning dc.route 2 tcp") } ?? 0
        #expect(failed < warning)
        #expect(lines.contains("      nc -vz"))
        #expect(!text.contains("\u{1b}"))
    }

    @Test
    func `What means the same stands together`() {
        let third = Finding.trouble(
            .warn, .route, "4 tcp", "refused", because: "Nobody serves there.", advice: "look", commands: ["nc -vz"])
        let text = ReportText(report([odd, bad, third]), isColoured: false).text
        #expect(text.contains("  warning dc.route 2 tcp, dc.route 4 tcp: refused\n"))
    }

    @Test
    func `Colours are for terminals, and nothing in a finding commands one`() {
        let nasty = Finding.pass(.name, nil, "a\u{1b}[2Jb\nc")
        let text = ReportText(report([nasty, bad]), isColoured: true).text
        #expect(text.contains("\u{1b}[31mFAIL\u{1b}[0m"))
        #expect(text.contains("a?[2Jb?c"))
    }
}

@Suite
struct CheckSelectionTests {
    @Test
    func `Names choose single checks or all of a kind`() throws {
        let some = try CheckSelection(only: ["dc", "clock.web"])
        #expect(some.has(.dataCenter) && some.has(.route) && some.has(.webClock) && !some.has(.middleProxyClock))
        let rest = try CheckSelection(skip: ["mask", "dc.route"])
        #expect(!rest.has(.maskHello) && !rest.has(.route) && rest.has(.dataCenter) && rest.has(.kernel))
        #expect(CheckID.allCases.allSatisfy { id in (try? CheckSelection().has(id)) == true })
    }

    @Test
    func `A name that no check has is an error`() {
        #expect(throws: UnknownCheck(name: "dcs")) { try CheckSelection(only: ["dcs"]) }
        #expect(throws: UnknownCheck(name: "d")) { try CheckSelection(skip: ["d"]) }
    }

    @Test
    func `No two checks have one name, and every group has one`() {
        #expect(Set(CheckID.allCases.map(\.rawValue)).count == CheckID.allCases.count)
        #expect(Set(CheckID.allCases.map(\.group)).count == CheckID.Group.allCases.count)
    }
}
