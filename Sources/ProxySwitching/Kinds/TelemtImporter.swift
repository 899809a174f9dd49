import MTProtoWire

/// telemt's TOML file.
struct TelemtImporter: KeyedUsersImporter {
    var draft: Draft
    var users: [(name: String, key: ProxySecret)] = []
    var properties: [(entry: ForeignEntry, line: Draft.Line)] = []
    var everybody: [Draft.Line] = []
    var modes = Modes(classic: false, secure: false, tls: true)
    var domain: String?
    var moreDomains: [String] = []
    var mask = MaskSite()
    var port = 443
    var hosts: [(host: String, name: String)] = []
    var listeners: [(host: String, port: Int?)] = []
    var unixSocket: (path: String, mode: String?)?
    var listensOnTCP: Bool?
    var usesIPv6 = false
    var metrics: (port: Int?, place: String?) = (nil, nil)
    var usesMiddleProxies = true

    init(draft: Draft) {
        self.draft = draft
    }

    static func read(_ text: String, _ draft: Draft) throws -> Draft {
        var importer = TelemtImporter(draft: draft)
        switch try ForeignNode.tomlOrCommand(text, ForeignKind.telemt.programs) {
        case .toml(let settings): try importer.takeAll(settings)
        case .command(let command):
            throw SwitchingError(
                "the settings are in another file",
                expected: "that file: \(Draft.shown(command.arguments.last ?? "config.toml"))", line: command.line)
        }
        try importer.finish()
        return importer.draft
    }

    static let rules: [String: Rule<Self>] = generalRules.merging(serverRules) { first, _ in first }
        .merging(censorshipRules) { first, _ in first }.merging(accessRules) { first, _ in first }

    static let prefixes: [(prefix: String, reason: String)] = [
        ("general.me_", "martlet has its own rules for links to middle proxies"),
        ("general.middle_proxy_", "martlet has its own rules for links to middle proxies"),
        ("general.beobachten", "martlet keeps no list of addresses"),
        ("general.telemetry.", "counters are always on"),
        ("general.proxy_secret_", "the secret is fetched every middle_proxy.refresh and kept in the state directory"),
        ("general.proxy_config_", "the lists are fetched every middle_proxy.refresh and kept in the state directory"),
        ("general.upstream_", "martlet has its own rules for trying routes"),
        ("general.direct_relay_", "buffers grow as they are needed, below limits.memory"),
        ("general.", "martlet has no such setting"),
        ("network.stun", "a public address is found with middle_proxy.address_services"),
        ("network.", "martlet has no such setting"),
        ("server.api", "`martlet users` and the control socket are for that"),
        ("server.conntrack_control", "martlet leaves the firewall alone"),
        ("server.", "martlet has no such setting"),
        ("censorship.mask_", "the site behind gets and sees just what the stranger sent"),
        ("censorship.tls_", "martlet has its own shape of a handshake"),
        ("censorship.", "martlet has no such setting"),
        ("access.", "martlet has no such limit"),
        ("timeouts.", "martlet has no such limit"),
        ("upstreams", Meaning.outboundProxy),
        ("logging.", "see log.file and log.format"),
    ]

    private static let generalRules: [String: Rule<Self>] = [
        "include": .take { importer, entry in
            importer.draft.leave(entry.name, entry.node.text, because: "one file is read")
            importer.draft.note("include names another file: its content is missing here")
        },
        "show_link": .leave("`martlet link` shows them"),
        "general.links.show": .leave("`martlet link` shows them"),
        "dc_overrides": .take { importer, entry in
            var addresses: [String] = []
            for center in try entry.entries() {
                for place in try center.texts() {
                    guard let number = Int(center.key), (1...9_999).contains(number) else {
                        throw center.wrong("a data center's number")
                    }
                    let (host, port) = try importer.draft.hostAndPort(place, center)
                    _ = try importer.draft.listenHost(host, center)
                    addresses.append("\(number):\(host):\(port)")
                }
            }
            importer.draft.set("routes.tcp", .list(addresses), from: entry.name)
        },
        "default_dc": number("routes.default_dc", 1...9_999),
        "general.use_middle_proxy": keep { $0.usesMiddleProxies = try $1.truth() },
        "general.ad_tag": adTag("middle_proxy.ad_tag"),
        "general.middle_proxy_nat_ip": .take { importer, entry in
            guard let address = IPAddress(try entry.scalar()) else { throw entry.wrong("an IP address") }
            let key = address.isIPv4 ? "middle_proxy.public_address" : "middle_proxy.public_address_v6"
            importer.draft.set(key, .text("\(address)"), from: entry.name)
        },
        "general.log_level": .take { importer, entry in
            let levels = ["debug": "debug", "verbose": "debug", "normal": "info", "silent": "error"]
            guard let level = levels[try entry.scalar()] else { throw entry.wrong("debug, verbose, normal or silent") }
            importer.draft.set("log.level", .text(level), from: entry.name)
        },
        "general.update_every": time("middle_proxy.refresh", 60_000...604_800_000) { try $0.seconds() },
        "general.modes.classic": .take { importer, entry in importer.modes.classic = try entry.truth() },
        "general.modes.secure": .take { importer, entry in importer.modes.secure = try entry.truth() },
        "general.modes.tls": .take { importer, entry in importer.modes.tls = try entry.truth() },
        "general.links.public_host": .take { importer, entry in
            importer.draft.set("link.server", .text(try entry.scalar()), from: entry.name)
        },
        "general.links.public_port": .take { importer, entry in
            importer.draft.set("link.port", .number(try entry.port()), from: entry.name)
        },
        "network.ipv6": keep { $0.usesIPv6 = try $1.truth() },
        "network.ipv4": .leave("both families are tried"),
        "network.prefer": .leave("both families are tried, and the one that works is remembered"),
        "network.http_ip_detect_urls": .take { importer, entry in
            let pages = try entry.texts()
            if !pages.isEmpty { importer.draft.set("middle_proxy.address_services", .list(pages), from: entry.name) }
        },
    ]

    private static let serverRules: [String: Rule<Self>] = [
        "server.port": keep { $0.port = try $1.port() },
        "server.listen_addr_ipv4": .take { importer, entry in try importer.takeHost(entry) },
        "server.listen_addr_ipv6": .take { importer, entry in try importer.takeHost(entry) },
        "server.listen_tcp": .take { importer, entry in importer.listensOnTCP = try entry.truth() },
        "server.listen_unix_sock": .take { importer, entry in
            importer.unixSocket = (importer.draft.path(try entry.scalar()), importer.unixSocket?.mode)
        },
        "server.listen_unix_sock_perm": .take { importer, entry in
            let mode = try entry.scalar()
            guard let bits = UInt16(mode, radix: 8), bits <= 0o777 else { throw entry.wrong("a mode like 0660") }
            let digits = String(bits, radix: 8)
            importer.unixSocket = (
                importer.unixSocket?.path ?? "", String(repeating: "0", count: 4 - digits.count) + digits
            )
        },
        "server.listeners": .take { importer, entry in try importer.takeListeners(entry) },
        "server.proxy_protocol": .take { importer, entry in
            if try entry.truth() { importer.draft.setProxyProtocol(from: entry.name) }
        },
        "server.proxy_protocol_trusted_cidrs": .take { importer, entry in
            importer.draft.set("listen.proxy_protocol_from", .list(try entry.texts()), from: entry.name)
        },
        "server.metrics_port": .take { importer, entry in importer.metrics.port = try entry.port() },
        "server.metrics_listen": .take { importer, entry in
            _ = try importer.draft.hostAndPort(try entry.scalar(), entry)
            importer.metrics.place = try entry.scalar()
        },
        "server.metrics_whitelist": .leave("whoever reaches admin.listen may read it: keep that place to yourself"),
        "server.max_connections": number("limits.connections", Meaning.connections),
        "timeouts.client_handshake": time("handshake.timeout", Meaning.handshakeTime) { try $0.seconds() },
        "timeouts.client_keepalive": time("listen.keepalive", Meaning.keepAlive) { try $0.seconds() },
        "timeouts.client_ack": time("listen.user_timeout", Meaning.userTimeout) { try $0.seconds() },
        "timeouts.tg_connect": .leave("routes.budget is the time for all routes together"),
    ]

    private static let censorshipRules: [String: Rule<Self>] = [
        "censorship.tls_domain": keep { $0.domain = try $0.draft.domain(try $1.scalar(), $1) },
        "censorship.tls_domains": keep { importer, entry in
            importer.moreDomains = try entry.texts().map { try importer.draft.domain($0, entry) }
        },
        "censorship.mask": maskIsShown, "censorship.mask_host": maskHost, "censorship.mask_port": maskPort,
        "censorship.mask_unix_sock": .leave("the site behind is reached by TCP: give it in mask.address"),
        "censorship.unknown_sni_action": .leave("a name that is not known is a stranger's, who is shown the site"),
    ]
}
