import MTProtoWire

/// telemt's users, and what depends on several settings.
extension TelemtImporter {
    /// What links name where the file has no domain (documented default).
    private static let defaultDomain = "petrovich.ru"

    static let accessRules: [String: Rule<Self>] = [
        "access.users": keys,
        "access.user_ad_tags": property("ad_tag") { entry in
            let tag = try entry.scalar()
            guard tag.isHexadecimalKey else { throw entry.wrong("32 hexadecimal digits") }
            return .text(tag.lowercased())
        },
        "access.user_max_tcp_conns": property("max_connections") { try count($0, 10_000_000) },
        "access.user_max_unique_ips": property("max_addresses") { try count($0, 1_000_000) },
        "access.user_data_quota": property("quota") { entry in
            let bytes = try entry.integer(0...Int64.max)
            return bytes == 0 ? nil : .text(String(bytes))
        },
        "access.user_expirations": property("expires") { .text(try $0.scalar()) },
        "access.user_enabled": property("enabled") { try $0.truth() ? nil : .truth(false) },
        "access.user_source_deny": property("refuse") { entry in
            let networks = try entry.texts()
            return networks.isEmpty ? nil : .list(networks)
        },
        "access.user_max_tcp_conns_global_each": everybody("max_connections", 10_000_000),
        "access.user_max_unique_ips_global_each": everybody("max_addresses", 1_000_000),
        "access.user_max_unique_ips_window_secs": .leave(
            "an address counts for an hour after its last connection (address_window)"),
        "access.user_max_unique_ips_mode": .leave(
            "an address counts for an hour after its last connection (address_window)"),
        "access.replay_check_len": .leave("the memory is as large as handshake.replay_life needs"),
        "access.replay_window_secs": time("handshake.replay_life", 1_000...604_800_000) { try $0.seconds() },
        "access.ignore_time_skew": .leave("a hello without its time could be played back; see handshake.time_window"),
    ]

    private static func everybody(_ key: String, _ most: Int64) -> Rule<Self> {
        .take { importer, entry in
            if let value = try count(entry, most) {
                importer.everybody.append(Draft.Line(key: key, value: value, origin: entry.name))
            }
        }
    }

    /// 0 is no limit.
    private static func count(_ entry: ForeignEntry, _ most: Int64) throws -> TOMLLiteral? {
        let number = try entry.integer(0...Int64.max)
        return number == 0 ? nil : .number(Int(min(number, most)))
    }

    // MARK: Places

    mutating func takeHost(_ entry: ForeignEntry) throws {
        let text = try entry.scalar()
        if text.isEmpty { return }
        hosts.append((try draft.listenHost(text, entry), entry.name))
        draft.markTranslated(entry.name)
    }

    mutating func takeListeners(_ entry: ForeignEntry) throws {
        guard case .list(let nodes) = entry.node.value else { throw entry.wrong("tables [[server.listeners]]") }
        for node in nodes {
            var place: (host: String, port: Int?) = ("0.0.0.0", nil)
            for field in try ForeignEntry(entry.name, node).entries() {
                switch field.key {
                case "ip": place.host = try draft.listenHost(try field.scalar(), field)
                case "port": place.port = try field.port()
                case "announce", "announce_ip":
                    if !draft.has("link.server") {
                        draft.set("link.server", .text(try field.scalar()), from: field.name)
                    }
                case "proxy_protocol":
                    if try field.truth() { draft.setProxyProtocol(from: field.name) }
                default: draft.leave(field.name, field.node.text, because: "martlet has no such setting")
                }
            }
            listeners.append(place)
            draft.markTranslated(entry.name)
        }
    }

    // MARK: All together

    mutating func finish() throws {
        guard !modes.isNone else {
            throw SwitchingError("no mode is on", expected: "general.modes.classic, secure or tls")
        }
        finishPlaces()
        finishUsers()
        finishMask()
        draft.set("middle_proxy.use", .text(usesMiddleProxies ? "always" : "never"), from: "general.use_middle_proxy")
        draft.set("cloudflare.enabled", .truth(false), from: "")
        if let place = metrics.place {
            let entry = ForeignEntry("server.metrics_listen", place, line: nil)
            let (host, port) = try draft.hostAndPort(place, entry)
            draft.setAdmin(try draft.listenHost(host, entry), port, from: entry.name)
            if metrics.port != nil { draft.markTranslated("server.metrics_port") }
        } else if let port = metrics.port {
            // There it is open to every address and guarded by a list.
            draft.setAdmin("0.0.0.0", port, from: "server.metrics_port")
        }
    }

    private mutating func finishPlaces() {
        var places = listeners.isEmpty ? hosts.map { (host: $0.host, port: Int?.none) } : listeners
        // One socket on :: serves both families.
        if places.contains(where: { $0.host == "::" }), places.contains(where: { $0.host == "0.0.0.0" }) {
            places.removeAll { $0.host == (usesIPv6 ? "0.0.0.0" : "::") }
        }
        if places.isEmpty { places = [(usesIPv6 ? "::" : "0.0.0.0", nil)] }
        if listensOnTCP == false { places = [] }
        let trusted = draft.has("listen.proxy_protocol")
        for (index, place) in places.enumerated() {
            if index == 0 {
                draft.set(
                    "listen.host", .text(place.host),
                    from: listeners.isEmpty ? hosts.first?.name ?? "" : "server.listeners")
                draft.set("listen.port", .number(place.port ?? port), from: "server.port")
                draft.set("listen.accept", .list(modes.accepts), from: "general.modes")
                continue
            }
            let host = place.host.contains(":") ? "[\(place.host)]" : place.host
            draft.addListener(listener("\(host):\(place.port ?? port)", trusted))
        }
        if let socket = unixSocket, !socket.path.isEmpty {
            var fields = listener("unix:\(socket.path)", trusted)
            fields.removeAll { $0.key == "proxy_protocol_from" }
            if let mode = socket.mode {
                fields.append(Draft.Line(key: "unix_mode", value: .text(mode), origin: "server.listen_unix_sock_perm"))
            }
            draft.addListener(fields)
            draft.markTranslated("server.listen_unix_sock")
        }
    }

    private func listener(_ address: String, _ takesHeader: Bool) -> [Draft.Line] {
        var fields = [
            Draft.Line(key: "address", value: .text(address), origin: ""),
            Draft.Line(key: "accept", value: .list(modes.accepts), origin: ""),
        ]
        if takesHeader {
            fields.append(Draft.Line(key: "proxy_protocol", value: .truth(true), origin: ""))
            fields.append(Draft.Line(key: "proxy_protocol_from", value: .list(Meaning.privateNetworks), origin: ""))
        }
        return fields
    }

    private mutating func finishUsers() {
        if users.isEmpty { draft.note("there are no users: martlet makes a secret on its first start, and keeps it") }
        addUsers(domain ?? Self.defaultDomain, everybody: everybody, from: "access.users")
        if !moreDomains.isEmpty {
            draft.note("links that name another of the domains go on working; strangers are shown one site")
        }
    }

    private mutating func finishMask() {
        guard modes.tls else { return }
        let site = domain ?? Self.defaultDomain
        guard mask.isShown else {
            draft.note("censorship.mask is off: strangers meet silence, which a web server never has")
            return
        }
        draft.set("mask.host", .text(site), from: domain == nil ? "" : "censorship.tls_domain")
        if let address = mask.address(site) {
            draft.set("mask.address", .text(address), from: "censorship.mask_host")
        }
    }
}
