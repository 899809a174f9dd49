import MTProtoWire
import ProxyAdmin
import ProxyPolicy

extension SettingsResolver {
    /// Numbers are for whoever may have them: beyond this machine that takes a token.
    mutating func resolveAdmin(_ configuration: ProxyConfiguration) {
        let admin = configuration.admin
        guard let place = admin.place else {
            if given["admin.token_file"] != nil || given["admin.user_metrics"] != nil {
                note("admin.token_file and admin.user_metrics have no effect without admin.listen")
            }
            return
        }
        if case .tcp(let host, _) = place, !host.isLoopback, admin.tokenFile == nil {
            fail(
                "admin.listen", "\(place) can be reached from other machines, where everybody could read the numbers",
                hint: "give admin.token_file, or listen on 127.0.0.1 or a Unix socket"
            )
        }
        if !place.isChosenBySystem, configuration.allListeners.contains(where: { $0.place == place }) {
            fail("admin.listen", "\(place) is where clients connect", hint: "give it a port or path of its own")
        }
        guard let path = admin.tokenFile else { return }
        switch FileText.read(path, limit: AdminToken.longest * 2) {
        case .success(let text) where AdminToken(text) == nil:
            fail(
                "admin.token_file",
                "\(quoted(path)) holds no token: \(AdminToken.shortest) to \(AdminToken.longest) letters, digits or"
                    + " marks without blanks",
                hint: "make one: openssl rand -hex 32"
            )
        case .success: break
        case .failure(let error): fail("admin.token_file", "\(quoted(path)) cannot be read: \(error)")
        }
    }
}

extension ListenPlace {
    fileprivate var isChosenBySystem: Bool {
        if case .tcp(_, port: 0) = self { true } else { false }
    }
}
