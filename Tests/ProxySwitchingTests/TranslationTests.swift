import Testing

@testable import ProxySwitching

/// Whole configurations of every kind.
@Suite struct TranslationTests {
    private func translation(_ kind: ForeignKind, _ name: String) throws -> Translation {
        try #require(Sample.named(kind, name)).translated()
    }

    /// The lines that are no comments, without what stands behind them.
    private func settings(_ translation: Translation) -> [String] {
        translation.toml.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            line.firstRange(of: "  # ").map { String(line[..<$0.lowerBound]) } ?? String(line)
        }
    }

    @Test func `There are several samples of every kind`() {
        for kind in ForeignKind.allCases { #expect(Sample.all.count { $0.kind == kind } >= 3, "\(kind)") }
    }

    @Test(arguments: Sample.all)
    func `Every sample is understood, and its kind is guessed`(sample: Sample) throws {
        let result = try sample.translated()
        #expect(!result.translated.isEmpty)
        #expect(ForeignKind.guess(sample.text) == sample.kind)
    }

    @Test(arguments: Sample.all)
    func `Secrets are in the file alone`(sample: Sample) throws {
        let result = try sample.translated()
        let told = (result.notes + result.translated + result.left.flatMap { [$0.name, $0.reason] }).joined(
            separator: "\n")
        for secret in ["00010203", "10111213", "20212223", "30313233", "hidden", "password", "AAECAwQF"] {
            #expect(!told.contains(secret), "\(told)")
        }
    }

    @Test(arguments: Sample.all)
    func `What is left stands in the file with its reason`(sample: Sample) throws {
        let result = try sample.translated()
        for left in result.left {
            #expect(
                result.toml.split(separator: "\n").contains { line in
                    line.hasPrefix("# \(left.name)") && line.hasSuffix(": no equivalent, because \(left.reason)")
                }, "\(left)")
        }
    }

    @Test(arguments: Sample.all)
    func `Carriage returns and a missing last line break change nothing`(sample: Sample) throws {
        var windows = sample
        windows.text = sample.text.replacing("\n", with: "\r\n")
        #expect(try settings(windows.translated()) == settings(sample.translated()))
        var short = sample
        while short.text.last?.isNewline == true { short.text.removeLast() }
        #expect(try settings(short.translated()) == settings(sample.translated()))
    }

    @Test func `MTProxy's unit`() throws {
        let result = try translation(.mtproxy, "MTProxy.service")
        let expected = [
            "user = \"mtproxy\"", "port = 443", "accept = [\"faketls\"]", "threads = 4", "connections = 40000",
            "fake_tls_domain = \"www.example.com\"", "level = \"debug\"", "listen = \"127.0.0.1:8888\"",
            "use = \"always\"", "ad_tag = \"3f40462915a3e6026a4d790127b95ded\"", "nat = [\"10.0.0.5:203.0.113.5\"]",
            "config_file = \"/opt/MTProxy/proxy-multi.conf\"", "secret_file = \"/opt/MTProxy/proxy-secret\"",
            "address = \"0.0.0.0:8443\"", "websocket = false", "direct_tcp = false", "enabled = false",
            "\"secret1\" = \"000102030405060708090a0b0c0d0e0f\"", "\"secret2\" = \"101112131415161718191a1b1c1d1e1f\"",
        ]
        for line in expected { #expect(settings(result).contains(line), "\(line)\n\(result.toml)") }
        #expect(!settings(result).contains { $0.hasPrefix("window_clamp") })
        let left = result.left.map(\.name)
        #expect(
            Set(left) == ["--allow-skip-dh", "-D", "Type", "WorkingDirectory", "Environment", "Restart", "LimitNOFILE"])
    }

    @Test func `MTProxy's script`() throws {
        let result = try translation(.mtproxy, "run.sh")
        let expected = [
            "host = \"::\"", "port = 2443", "accept = [\"padded\"]", "window_clamp = \"65536\"", "connections = 500",
            "level = \"trace\"", "file = \"/var/log/mtproxy.log\"", "accepts_per_second = 200",
            "memory = \"536870912\"",
            "config_file = \"/srv/old/proxy-multi.conf\"",
        ]
        for line in expected { #expect(settings(result).contains(line), "\(line)\n\(result.toml)") }
        #expect(Set(result.left.map(\.name)) == ["-d", "-T", "--cpu-threads"])
    }

    @Test func `MTProxy without a secret, and with an option that nobody knows`() throws {
        let result = try translation(.mtproxy, "open.txt")
        #expect(settings(result).contains("accept = [\"open\"]") && settings(result).contains("host = \"127.0.0.1\""))
        #expect(settings(result).contains("window_clamp = \"131072\""))
        #expect(result.left.map(\.name) == ["--unheard-of"])
        #expect(result.toml.contains("# --unheard-of = 5: no equivalent, because martlet does not know it"))
        #expect(result.notes.contains { $0.contains("--unheard-of") })
    }

    @Test func `The tray of tg-ws-proxy`() throws {
        let result = try translation(.tgWSProxy, "config.json")
        let expected = [
            "port = 1443", "dc_ip = [\"2:149.154.167.220\", \"4:149.154.167.220\"]", "buffer_kb = 256", "size = 4",
            "domains = [\"example.com\", \"other.example\"]", "enabled = true", "max_mb = 5.0",
        ]
        for line in expected {
            #expect(settings(result).contains(line) || line.hasPrefix("max_mb"), "\(line)\n\(result.toml)")
        }
        let left = Set(result.left.map(\.name))
        #expect(
            left.isSuperset(of: [
                "check_updates", "language", "appearance", "autostart", "ws_keepalive_interval",
                "something_new.a", "cfproxy_worker_domain",
            ]), "\(left)")
        let old = try translation(.tgWSProxy, "old-config.json")
        #expect(settings(old).contains("dc_ip = []") && settings(old).contains("level = \"debug\""))
    }

    @Test func `telemt's users`() throws {
        let result = try translation(.telemt, "full.toml")
        let expected = [
            "name = \"alice\"", "max_connections = 500", "max_addresses = 16", "quota = \"1073741824\"",
            "expires = \"2030-12-31T23:59:59Z\"", "ad_tag = \"3f40462915a3e6026a4d790127b95ded\"", "name = \"___\"",
            "max_addresses = 8", "address = \"unix:/run/telemt.sock\"", "unix_mode = \"0666\"", "use = \"always\"",
            "address = \"127.0.0.1:8443\"", "host = \"www.example.com\"", "listen = \"127.0.0.1:9090\"",
            "timeout = \"30s\"",
            "tcp = [\"203:91.105.192.100:443\"]", "public_address = \"203.0.113.5\"", "level = \"debug\"",
            "refresh = \"300s\"",
        ]
        for line in expected { #expect(settings(result).contains(line), "\(line)\n\(result.toml)") }
        #expect(result.left.contains { $0.name == "access.users.eve2" && $0.reason.contains("same secret as eve") })
        #expect(result.left.contains { $0.name == "access.user_max_tcp_conns.nobody" })
        #expect(result.left.contains { $0.name == "general.me_keepalive_enabled" })
        #expect(result.left.contains { $0.name == "upstreams" })
        #expect(!settings(result).contains { $0.hasPrefix("ad_tag = \"0000") })
    }

    @Test func `teleproxy's limits`() throws {
        let result = try translation(.teleproxy, "full.toml")
        let expected = [
            "quota = \"5368709120\"", "max_addresses = 3", "max_connections = 50", "expires = \"2030-03-17T17:46:40Z\"",
            "user = \"teleproxy\"", "threads = 2", "connections = 10000", "block = [\"/srv/old/block.txt\"]",
            "address = \"10.0.0.8:9090\"", "tcp = [\"1:192.0.2.90:8888\", \"2:[2001:db8::1]:8889\"]",
            "name = \"secret_2\"",
        ]
        for line in expected { #expect(settings(result).contains(line), "\(line)\n\(result.toml)") }
        let left = Set(result.left.map(\.name))
        #expect(
            left.isSuperset(of: ["stats_allow_net", "secret.rate_limit", "socks5", "mss_clamp", "domain.name"]),
            "\(left)")
    }

    @Test func `mtprotoproxy's literals, and nothing of its code`() throws {
        let result = try translation(.mtprotoproxy, "nasty.py")
        let expected = [
            "port = 2443", "name = \"tg\"", "name = \"two_words\"", "max_connections = 50", "quota = \"107374182400\"",
            "expires = \"2030-12-31T00:00:00Z\"", "server = \"proxy.example.com\"", "proxy_protocol = true",
        ]
        for line in expected { #expect(settings(result).contains(line), "\(line)\n\(result.toml)") }
        #expect(!settings(result).contains("port = 1") && !settings(result).contains { $0.contains("30313233") })
        #expect(result.left.contains { $0.name.hasPrefix("line ") })
        #expect(result.notes.contains { $0.contains("code") })
    }
}
