package import ProxyStore

/// The server of a state directory, as far as it can be asked.
package enum ServerReach: Sendable, Equatable {
    /// None runs.
    case none
    /// It answers.
    case running(ServerStatus, hasTaggedUsers: Bool)
    /// Something is there that cannot be asked.
    case mute(problem: String, hint: String)

    /// Asks. Blocks for as long.
    package static func ask(directory: String, timeoutMilliseconds: Int) -> ServerReach {
        let client = ControlClient(directory: directory, timeoutMilliseconds: timeoutMilliseconds)
        do throws(StoreError) {
            guard let reply = try client.ask(.status) else { return .none }
            guard case .status(let status) = reply else {
                return .mute(problem: "the server does not say who it is", hint: "restart it with this version")
            }
            var hasTaggedUsers = false
            if case .users(let users) = try client.ask(.listUsers(withSecrets: false)) {
                hasTaggedUsers = users.contains { if case .value = $0.user.adTag { true } else { false } }
            }
            return .running(status, hasTaggedUsers: hasTaggedUsers)
        } catch {
            return .mute(problem: error.problem, hint: error.hint)
        }
    }

    var status: ServerStatus? { if case .running(let status, _) = self { status } else { nil } }

    var hasTaggedUsers: Bool { if case .running(_, let has) = self { has } else { false } }
}
