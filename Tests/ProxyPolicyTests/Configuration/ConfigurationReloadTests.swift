import MTProtoWire
import ProxyPolicy
import Testing

/// What of a new configuration a reload takes.
@Suite struct ConfigurationReloadTests {
    private typealias Change = @Sendable (inout ProxyConfiguration) -> Void

    @Test(
        arguments: [
            { $0.listen.port = 1 }, { $0.listen.host = IPAddress(v4: 0) }, { $0.listen.threads = 3 },
            { $0.listen.proxyProtocol = true }, { $0.listen.socket.keepAliveSeconds = 7 }, { $0.listen.isOff = true },
            { $0.listeners = [ListenerConfiguration(place: .unix(path: "/s", mode: 0o600))] },
            { $0.handshake.timeWindowSeconds = 7 }, { $0.handshake.replayLifeSeconds = 7 },
            { $0.relay.socketBufferBytes = 7 }, { $0.log.file = "/log" }, { $0.log.format = .json },
            { $0.log.backups = 7 }, { $0.log.maximumBytes = 7 }, { $0.stateDirectory = "/state" },
        ] as [Change])
    func `What only a start can change stays as it was`(change: @Sendable (inout ProxyConfiguration) -> Void) {
        let old = ProxyConfiguration.defaults
        var new = old
        change(&new)
        #expect(new != old)
        #expect(old.reloaded(with: new) == old)
    }

    @Test(
        arguments: [
            { $0.mask.host = "example.com" }, { $0.handshake.timeoutMilliseconds = 7 }, { $0.limits.connections = 7 },
            { $0.limits.memoryBytes = 7 }, { $0.limits.blockLists = ["/b"] }, { $0.routes.usesTCP = false },
            { $0.routes.tcpAddresses = [:] }, { $0.middleProxy.use = .never }, { $0.middleProxy.clientQueueBytes = 7 },
            { $0.connect.budgetMilliseconds = 7 }, { $0.connect.caFile = "/ca" }, { $0.pool.size = 7 },
            { $0.relay.idleTimeoutMilliseconds = 7 }, { $0.relay.drainMilliseconds = 7 }, { $0.log.level = .trace },
            { $0.link.server = "example.com" }, { $0.users = [User(name: "anna", secrets: [], origin: .declared)] },
            { $0.secrets = [NamedSecret(name: "a", secret: ProxySecret(key: Block16(), kind: .plain))] },
        ] as [Change])
    func `Everything else is taken`(change: @Sendable (inout ProxyConfiguration) -> Void) {
        let old = ProxyConfiguration.defaults
        var new = old
        change(&new)
        #expect(new != old)
        #expect(old.reloaded(with: new) == new)
    }

    @Test func `Of both together each has its own way`() {
        let old = ProxyConfiguration.defaults
        var new = old
        new.listen.port = 1
        new.pool.size = 7
        var expected = old
        expected.pool.size = 7
        #expect(old.reloaded(with: new) == expected)
        // What waits is named again at the next reload.
        #expect(expected.reloaded(with: new) == expected)
    }
}
