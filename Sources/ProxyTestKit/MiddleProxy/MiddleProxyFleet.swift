/// Several middle proxies on different loopback addresses with one port, as Telegram has them.
package final class MiddleProxyFleet: KitServer {
    /// In the order of their addresses: 127.0.7.1, 127.0.7.2 and so on, or ::1 alone.
    package let members: [FakeMiddleProxy]

    private init(_ members: [FakeMiddleProxy]) {
        self.members = members
    }

    /// Starts `count` of them, at most 250.
    package static func start(
        _ count: Int,
        _ behaviour: MiddleProxyBehaviour = MiddleProxyBehaviour(),
        secret: [UInt8] = FakeMiddleProxy.secret
    ) async throws -> MiddleProxyFleet {
        // Another process may hold the port on one of the addresses.
        for attempt in 0... {
            var members: [FakeMiddleProxy] = []
            do {
                while members.count < count {
                    let listen = ListenOptions(host: "127.0.7.\(members.count + 1)", port: members.first?.port ?? 0)
                    members.append(try await FakeMiddleProxy.start(behaviour, secret: secret, listen: listen))
                }
                return MiddleProxyFleet(members)
            } catch {
                for member in members { await member.stop() }
                if attempt == 20 { throw error }
            }
        }
        throw KitError.command("no port for a fleet")
    }

    /// The port of all.
    package var port: Int { members.first?.port ?? 0 }
    package var violations: [String] { members.flatMap { $0.violations } }
    /// The facts of all links of all members.
    package var linkFacts: [MiddleProxyLinkFacts] { members.flatMap { $0.linkFacts } }
    /// The facts of all sessions of all members.
    package var sessionFacts: [MiddleProxySessionFacts] { members.flatMap { $0.sessionFacts } }

    /// A list that names all of them for each of these data centers, media ones being negative.
    package func configText(dataCenters: [Int] = [1, 2, 3, 4, 5, -1, -2, -3, -4, -5], default center: Int = 2) -> String
    {
        MiddleProxyFiles.configText(
            Dictionary(uniqueKeysWithValues: dataCenters.map { ($0, members.map(\.target)) }), default: center
        )
    }

    package func stop() async {
        for member in members { await member.stop() }
    }
}

/// The two files that a proxy needs to find middle proxies and to speak to them.
package struct MiddleProxyFiles: Sendable {
    /// Path of the proxy-secret.
    package var secret: String
    /// Path of the proxy-multi.conf.
    package var config: String

    /// Writes both into a directory.
    package static func write(
        secret: [UInt8] = FakeMiddleProxy.secret, config: String, into directory: TemporaryDirectory
    ) throws -> MiddleProxyFiles {
        MiddleProxyFiles(
            secret: try directory.write(secret, to: "proxy-secret"),
            config: try directory.write(config, to: "proxy-multi.conf")
        )
    }

    /// The text of a proxy-multi.conf, shaped as Telegram's: a comment, the default, one line for each target.
    /// - Parameter targets: `host:port` by data center, media ones being negative.
    package static func configText(_ targets: [Int: [String]], default center: Int = 2) -> String {
        let order = targets.keys.sorted { (abs($0), $0) < (abs($1), $1) }
        let lines = order.flatMap { center in (targets[center] ?? []).map { "proxy_for \(center) \($0);\n" } }
        return "# force_probability 10 10\ndefault \(center);\n" + lines.joined()
    }
}

extension FakeMiddleProxy {
    /// A list that names this one alone, for each of these data centers.
    package func configText(dataCenters: [Int] = [1, 2, 3, 4, 5, -1, -2, -3, -4, -5], default center: Int = 2) -> String
    {
        MiddleProxyFiles.configText(
            Dictionary(uniqueKeysWithValues: dataCenters.map { ($0, [target]) }), default: center
        )
    }
}
