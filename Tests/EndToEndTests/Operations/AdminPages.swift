import Logging
import MTProtoWire
import ProxyAdmin
import ProxyEngine
import ProxyPolicy
import ProxyTestKit

/// The admin place of a proxy that runs in the test's process.
struct AdminPages: Sendable {
    let client: AdminClient

    /// Runs a test with it. The proxy must have been configured with an admin place, too: else nobody watches its loops.
    static func with(_ proxy: RunningProxy, _ body: (AdminPages) async throws -> Void) async throws {
        var bounds = AdminBounds()
        bounds.answerLife = .zero
        let (places, send) = AsyncStream<ListenPlace>.makeStream()
        let server = AdminServer(
            place: .tcp(IPAddress(v4: 0x7F00_0001), port: 0), token: nil, showsUsers: true, control: proxy.control,
            registry: proxy.metrics.registry, version: "0", logger: .init(label: "admin") { _ in proxy.log.handler },
            bounds: bounds
        ) { send.yield($0) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run() }
            defer { tasks.cancelAll() }
            guard let place = await places.first(where: { _ in true }) else { return }
            try await body(AdminPages(client: AdminClient(place: place, token: nil)))
        }
    }

    func get(_ page: String) async throws -> AdminClient.Answer { try await client.get(page, withinSeconds: 60) }

    /// Every number of both pages.
    func numbers() async throws -> AdminNumbers {
        AdminNumbers(metrics: try await get("/metrics").body, stats: try await get("/stats").body)
    }

    /// Waits until each of these has grown since `before`.
    func grow(_ names: [String], since before: AdminNumbers) async throws {
        let last = Noted<[String]>()
        do {
            try await eventually(timeout: .seconds(60), "numbers that grow") {
                let now = try await numbers()
                last.note(names.filter { now[$0] <= before[$0] })
                return last.value?.isEmpty == true
            }
        } catch {
            throw KitError.timedOut("did not grow: \(last.value ?? names)")
        }
    }
}

/// What stood on `/metrics` and `/stats` at one moment.
struct AdminNumbers: Sendable {
    /// By name and labels as on the page; of `/stats` with `stats:` before the name.
    private var values: [String: Double] = [:]

    init() {}

    init(metrics: String, stats: String) {
        for line in metrics.split(separator: "\n") where !line.hasPrefix("#") {
            guard let blank = line.lastIndex(of: " "), let value = Double(line[line.index(after: blank)...]) else {
                continue
            }
            values[String(line[..<blank])] = value
        }
        for line in stats.split(separator: "\n") where !line.hasPrefix(">") && !line.hasPrefix("<") {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            // Several numbers are shown by their sum, words by their length.
            let numbers = parts[1].split(separator: " ").map { Double($0) ?? Double($0.count) }
            values["stats:\(parts[0])"] = numbers.reduce(0, +)
        }
    }

    /// One number; of a name without labels the sum of all its series.
    subscript(name: String) -> Double {
        if let value = values[name] { return value }
        return values.reduce(0) { $0 + ($1.key.hasPrefix(name + "{") ? $1.value : 0) }
    }

    var names: Set<String> { Set(values.keys) }
}
