import ProxyStore

/// Answers what is asked on the control socket: questions about users go to their manager.
struct ControlDesk: Sendable {
    let manager: UserManager

    func answer(_ request: ControlRequest) async -> ControlReply {
        await manager.perform(request)
    }
}
