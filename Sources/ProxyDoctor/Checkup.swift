import MTProtoWire
import ProxyPolicy

/// One thing to look at, or several that belong together.
struct Check: Sendable {
    /// What its findings may be about.
    let ids: [CheckID]
    /// For people who wait.
    let name: String
    /// When it is given up, whatever it is doing.
    let limit: Duration
    let run: @Sendable () async -> [Finding]
}

/// How far an examination has come.
package struct CheckupProgress: Sendable, Equatable {
    package var done: Int
    package var all: Int
    /// What is still running.
    package var running: [String]
}

/// Examines a patient: all checks side by side, each with its own deadline.
package struct Checkup: Sendable {
    let patient: Patient
    let selection: CheckSelection
    let addresses: Once<PublicAddresses>

    package init(_ patient: Patient, selection: CheckSelection) {
        self.patient = patient
        self.selection = selection
        addresses = Once { await PublicAddresses.find(patient) }
    }

    /// - Parameter progress: hears of every check that ends.
    package func run(progress: @escaping @Sendable (CheckupProgress) -> Void = { _ in }) async -> Report {
        var watch = Stopwatch()
        let wanted = checks.filter { $0.ids.contains { selection.has($0) } }
        var running = wanted.map(\.name)
        progress(CheckupProgress(done: 0, all: wanted.count, running: running))
        var results: [Int: [Finding]] = [:]
        await withTaskGroup(of: (Int, [Finding]).self) { group in
            for (index, check) in wanted.enumerated() { group.addTask { (index, await Self.examine(check)) } }
            for await (index, findings) in group {
                results[index] = findings
                if let place = running.firstIndex(of: wanted[index].name) { running.remove(at: place) }
                progress(CheckupProgress(done: results.count, all: wanted.count, running: running))
            }
        }
        let findings = wanted.indices.flatMap { results[$0] ?? [] }.filter { selection.has($0.id) }
        return Report(version: patient.version, findings: findings, milliseconds: watch.lap())
    }

    private static func examine(_ check: Check) async -> [Finding] {
        if let findings = await within(check.limit, check.run) { return findings }
        return check.ids.prefix(1).map { id in
            .trouble(
                .warn, id, nil, "given up after \(Int(Figures.milliseconds(check.limit)) / 1_000) s",
                because: "The check did not come to an end.", advice: "run it alone with more time",
                commands: ["martlet doctor --only \(id.rawValue) --timeout 60s"])
        }
    }

    private var checks: [Check] {
        let rest = patient.timeout * 2 + .seconds(5)
        return [
            Check(ids: [.configuration, .version, .cipher, .server, .state], name: "Martlet", limit: rest) {
                ProgramChecks(patient: patient).findings
            },
            Check(ids: [.webClock], name: "clock", limit: rest) { await WebClock(patient: patient).findings() },
            Check(ids: [.resolver, .name], name: "names", limit: rest) { await NameCheck(patient: patient).findings() },
            dataCenterCheck,
            Check(
                ids: [.middleProxyLists, .middleProxyLink, .middleProxyClock], name: "middle proxies",
                limit: patient.timeout * 5 + .seconds(5)
            ) { await MiddleProxyCheck(patient: patient, addresses: addresses).findings() },
            Check(ids: [.publicAddress], name: "public address", limit: rest) {
                await addresses.value.findings(patient)
            },
            Check(ids: [.port, .firewall], name: "listening", limit: rest) {
                await ListeningCheck(patient: patient, addresses: addresses, looksThrough: selection.has(.firewall))
                    .findings()
            },
            Check(
                ids: [.maskHost, .maskCertificate, .maskHello, .maskAddress], name: "mask host",
                limit: patient.timeout * 4 + .seconds(5)
            ) { await MaskCheck(patient: patient, addresses: addresses).findings() },
            Check(ids: [.openFiles, .memory, .kernel], name: "this machine", limit: rest) {
                SystemChecks(patient: patient).findings
            },
        ]
    }

    private var dataCenterCheck: Check {
        let check = DataCenterCheck(patient: patient)
        return Check(ids: [.dataCenter, .route], name: "data centers", limit: check.limit) { await check.findings() }
    }
}
