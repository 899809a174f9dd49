import CoreMetrics
import Foundation
import Logging
import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import Testing

@testable import ProxyAdmin

/// `docs/metrics.md` says what there is, all of it and nothing else.
@Suite struct DocumentationTests {
    /// The rows of the page's tables, cell by cell.
    private static func rows() throws -> [[String]] {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/metrics.md")
        return try String(contentsOf: page, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| `") }
            .map { line in
                line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
                    .map { $0.trimmingCharacters(in: .whitespaces) }
            }
    }

    private static func name(_ cell: String) -> String { cell.trimmingCharacters(in: ["`"]) }

    /// Everything that `/metrics` shows, with users.
    private static func families() async throws -> [MetricFamily] {
        let registry = MetricsRegistry()
        var configuration = ProxyConfiguration.defaults
        configuration.admin.place = .tcp(.loopback, port: 0)
        let user = User(name: "anna", secrets: [])
        var limited = UserEntry(user: user)
        limited.user.quota = TrafficQuota(bytes: 1, period: .never)
        let server = withMetricsFactory(registry) {
            ProxyServer(
                configuration: configuration, users: [limited], logger: .init(label: "test"), openFileLimit: 1_000,
                whenListening: { _ in })
        }
        let desk = AdminDesk(
            control: server.control, registry: registry, version: "1", showsUsers: true, life: .zero)
        _ = AdminRequestCounts(registry)
        var process = ProcessFacts.read()
        process.fileLimit = 1_000
        let facts = FactMetrics(
            facts: await server.control.facts(withUsers: true), process: process, version: "1", dropped: 0)
        return withExtendedLifetime(desk) { registry.families() + facts.families }
    }

    @Test func `Every metric is documented with its labels and kind, and nothing else is`() async throws {
        let documented = try Self.rows().filter { $0.count == 4 }
        let rows = Dictionary(documented.map { (Self.name($0[0]), $0) }) { first, _ in first }
        #expect(rows.count == documented.count, "a metric stands there twice")
        let families = try await Self.families()
        for family in families {
            let row = try #require(rows[family.name], "\(family.name) is not documented")
            let labels = Set(family.series.flatMap { $0.labels.map(\.name) })
            #expect(row[2] == family.kind.rawValue, "\(family.name)")
            #expect(Set(row[1].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }) == labels)
        }
        #expect(Set(rows.keys).subtracting(families.map(\.name)).isEmpty)
    }

    @Test func `Every metric has a meaning, of the right kind, and a name as Prometheus wants them`() async throws {
        let families = try await Self.families()
        let known = Dictionary(MetricCatalog.all.map { ($0.name, $0) }) { first, _ in first }
        #expect(known.count == MetricCatalog.all.count)
        #expect(Set(known.keys) == Set(families.map(\.name)))
        for family in families {
            #expect(known[family.name]?.kind == family.kind, "\(family.name)")
            #expect(family.name.hasSuffix("_total") == (family.kind == .counter), "\(family.name)")
            #expect(family.kind != .histogram || family.name.hasSuffix("_seconds"), "\(family.name)")
        }
        for entry in MetricCatalog.all {
            #expect(entry.help.hasSuffix(".") && entry.help.count > 6, "\(entry.name)")
        }
    }

    @Test func `Help texts and the page say the same`() throws {
        let rows = try Self.rows().filter { $0.count == 4 }
        let meanings = Dictionary(rows.map { (Self.name($0[0]), $0[3]) }) { first, _ in first }
        for entry in MetricCatalog.all { #expect(meanings[entry.name] == String(entry.help.dropLast())) }
    }

    @Test func `Every name of the statistics page is documented, and nothing else is`() async throws {
        let pages = Set(AdminPage.allCases.map(\.rawValue))
        let documented = try Self.rows().filter { $0.count == 2 }.map { Self.name($0[0]) }.filter {
            !pages.contains($0)
        }
        let shown = await StatsPageTests.page().text.split(separator: "\n").filter {
            !$0.hasPrefix(">") && !$0.hasPrefix("<")
        }
        .compactMap { $0.split(separator: "\t", omittingEmptySubsequences: false).first.map(String.init) }
        #expect(documented == shown)
    }

    @Test func `What is documented as 0 is 0, and nothing else is written so`() async throws {
        let rows = try Self.rows().filter { $0.count == 2 && $0[1].hasPrefix("0") }
        let text = "\n" + (await StatsPageTests.page().text)
        for row in rows
        where row[1] != "0, `accept_calls_failed`, `accept_connection_limit_failed`, `accept_rate_limit_failed`, 0" {
            let name = Self.name(row[0])
            #expect(text.contains("\n\(name)\t0\n") || text.contains("\n\(name)\t0.000\n"), "\(name)")
        }
    }
}
