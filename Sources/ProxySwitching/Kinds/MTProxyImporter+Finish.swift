import MTProtoWire

/// What depends on several of MTProxy's options.
extension MTProxyImporter {
    mutating func finish() throws {
        guard let first = ports.first else {
            throw SwitchingError("no port for clients is given", expected: "-H with one or more ports")
        }
        guard domains.isEmpty || !secrets.isEmpty else {
            throw SwitchingError("-D needs a secret", expected: "-S with 32 hexadecimal digits")
        }
        setPlaces(first)
        setSecrets()
        setLimits()
        setMiddleProxies()
        setProcess(first)
    }

    private var accepts: [String] {
        if !domains.isEmpty { return ["faketls"] }
        if secrets.isEmpty { return ["open"] }
        return isPaddedOnly ? ["padded"] : ["padded", "obfuscated2"]
    }

    /// MTProxy clamps windows to 128 KiB unless there is a domain or -W says otherwise.
    private var clamp: Int64? {
        if let window { return window == 0 ? nil : window }
        return domains.isEmpty ? 131_072 : nil
    }

    private mutating func setPlaces(_ first: Int) {
        let host = usesIPv6 ? "::" : address ?? "0.0.0.0"
        draft.set("listen.host", .text(host), from: usesIPv6 ? "-6" : address == nil ? "" : "--address")
        draft.set("listen.port", .number(first), from: "-H")
        draft.set("listen.accept", .list(accepts), from: domains.isEmpty ? secrets.isEmpty ? "no -S" : "-S" : "-D")
        let bytes = clamp.map { draft.bounded($0, 1_024...1 << 30, "-W") }
        if let bytes { draft.set("listen.window_clamp", .text(String(bytes)), from: "-W") }
        if workers > 0 { draft.set("listen.threads", .number(Int(workers)), from: "-M") }
        for port in ports.dropFirst() where port != first {
            let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            var fields = [
                Draft.Line(key: "address", value: .text(place), origin: "-H"),
                Draft.Line(key: "accept", value: .list(accepts), origin: ""),
            ]
            if let bytes { fields.append(Draft.Line(key: "window_clamp", value: .text(String(bytes)), origin: "")) }
            draft.addListener(fields)
        }
    }

    private mutating func setSecrets() {
        for (index, secret) in secrets.enumerated() {
            draft.addUser(secrets.count == 1 ? "default" : "secret\(index + 1)", [secret], from: "-S")
        }
        guard let first = domains.first else { return }
        draft.set("mask.fake_tls_domain", .text(first), from: "-D")
        if domains.count > 1 {
            draft.leave(
                "-D", domains.dropFirst().joined(separator: ", "),
                because: "one site is shown to strangers; links that name another domain go on working")
        }
    }

    private mutating func setLimits() {
        // What every worker may have, all together: there are no workers here.
        let bound = [clients, files].compactMap { $0 }.filter { $0 > 0 }.min()
        if let bound {
            let all = min(bound * max(workers, 1), Meaning.connections.upperBound)
            draft.set("limits.connections", .number(Int(all)), from: clients == nil ? "-c" : "-C")
        }
        if files != nil { draft.markTranslated("-c") }
    }

    private mutating func setMiddleProxies() {
        draft.set("middle_proxy.use", .text("always"), from: "")
        if let secretFile {
            draft.set("middle_proxy.secret_file", .text(draft.path(secretFile)), from: "--aes-pwd")
        } else if surroundings.hasSecretFile {
            draft.set("middle_proxy.secret_file", .text(draft.path("secret")), from: "")
        }
        if !natRules.isEmpty { draft.set("middle_proxy.nat", .list(natRules), from: "--nat-info") }
        // MTProxy knows no other way to Telegram.
        draft.set("routes.websocket", .truth(false), from: "")
        draft.set("routes.direct_tcp", .truth(false), from: "")
        draft.set("cloudflare.enabled", .truth(false), from: "")
        draft.set("pool.size", .number(0), from: "")
    }

    private mutating func setProcess(_ first: Int) {
        if let name = user ?? surroundings.defaultUser, name != "root" {
            draft.set("user", .text(name), from: user == nil ? "" : "-u")
        } else if user == nil, isImport {
            draft.note("as root MTProxy goes over to the account mtproxy; martlet does so where `user` names one")
        }
        if let place = surroundings.stateDirectory?(first) { draft.set("state_dir", .text(place), from: "") }
        if verbosity > 0 { draft.set("log.level", .text(verbosity == 1 ? "debug" : "trace"), from: "-v") }
        if let logFile, isImport || !daemonizes { draft.set("log.file", .text(logFile), from: "-l") }
        if daemonizes, isImport {
            draft.leave("-d", nil, because: "a service manager keeps martlet in the background")
        }
        switch (statisticsPort, servesStatistics) {
        case (let port?, true): draft.set("admin.listen", .text("127.0.0.1:\(port)"), from: "-p with --http-stats")
        case (let port?, false):
            draft.leave("-p", String(port), because: "without --http-stats nothing is served there")
        case (nil, true): draft.leave("--http-stats", nil, because: "without -p there is no port for it")
        case (nil, false): break
        }
    }
}

extension Draft {
    /// The rest of a unit stays with systemd.
    mutating func leaveService(_ command: FoundCommand) {
        for setting in command.neighbours {
            leave(setting.name, setting.value, because: "it stays in the unit, as the service manager's business")
        }
    }
}
