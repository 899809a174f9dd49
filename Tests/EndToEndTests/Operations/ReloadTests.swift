import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

/// Everything that can change is changed while hundreds of sessions talk: none of those that are still allowed notices,
/// and newcomers meet what is new.
@Suite("Reload", .serialized, .timeLimit(.minutes(6)))
struct ReloadTests {
    /// Of each kind: over a WebSocket, over TCP, over a middle proxy. About two hundred together.
    private static let sessions = 67
    private static let leavers = 6

    @Test("Two hundred sessions talk on while users, limits, routes, lists and the mask host change")
    func everythingChanges() async throws {
        OpenFiles.allow(8_192)
        try await withKit { kit in
            var world = try await ReloadWorld.start(in: kit)
            do {
                try await changeEverything(&world)
            } catch {
                await world.proxy.stop()
                throw error
            }
            await world.proxy.stop()
        }
    }

    private func changeEverything(_ world: inout ReloadWorld) async throws {
        let proxy = world.proxy
        let overWebSocket = try await TalkingCrowd(Self.sessions) { try await proxy.client(.stayer, $0, 2) }
        let overTCP = try await TalkingCrowd(Self.sessions) { try await proxy.client(.stayer, $0, 4) }
        let overMiddle = try await TalkingCrowd(Self.sessions) { try await proxy.client(.tagged, $0, 2) }
        let leaving = try await TalkingCrowd(Self.leavers) { try await proxy.client(.leaver, $0, 4) }
        #expect(world.edge.sessions.count { !$0.isOver } == Self.sessions)
        #expect(world.middle.sessions.count == Self.sessions)
        func allGoOn() async throws {
            for crowd in [overWebSocket, overTCP, overMiddle] { try await crowd.goOn() }
        }

        // His sessions may go on for half a minute; meanwhile there is enough to do.
        try await world.reload { $0.users.removeAll { $0.name == "leaver" } }
        try await leaving.goOn()
        try await world.showsMask(.leaver)
        try await changeUsersAndMask(&world)
        try await allGoOn()
        try await changeLimits(&world)
        try await allGoOn()
        try await changeRoutes(&world)
        try await allGoOn()
        try await changeMiddleProxies(&world)
        try await allGoOn()

        try await eventually(timeout: .seconds(120), "the end of the removed user's sessions") {
            proxy.log.lines("session ended").count { $0["reason"] == "user-revoked" } == Self.leavers
        }
        for talker in leaving.talkers { try await talker.findsItsEnd() }
        try await allGoOn()

        let sent = try await (overWebSocket.stop(), overTCP.stop(), overMiddle.stop())
        let (edge, dataCenter) = (world.edge, world.dataCenter)
        try await eventually(timeout: .seconds(60), "the end of all sessions") {
            edge.sessions.allSatisfy(\.isOver) && dataCenter.facts.allSatisfy(\.isOver)
        }
        #expect(Set(sent.0).isSubset(of: edge.sessions.map(\.digest)))
        #expect(Set(sent.1).isSubset(of: dataCenter.facts.map(\.digest)))
        // What went over middle proxies came back unchanged from whichever took it last.
        #expect(sent.2.count == Self.sessions)
        let ends = proxy.log.lines("session ended").compactMap { $0["reason"] }.filter { $0 != "user-revoked" }
        #expect(Set(ends) == ["client-closed"])
    }

    private func changeUsersAndMask(_ world: inout ReloadWorld) async throws {
        try await world.showsMask(.newcomer)
        let otherMask = world.otherMask.port
        try await world.reload {
            $0.users.append(ReloadWorld.Person.newcomer.user)
            $0.mask.target = .loopback(otherMask)
            // Waits for a restart.
            $0.listen.port = 1
        }
        world.masksChanged()
        try await world.comesIn(.newcomer)
        try await world.showsMask(.stranger)

        try await world.reload { configuration in
            for index in configuration.users.indices { configuration.users[index].maximumConnections = 1 }
        }
        try await world.showsMask(.stayer)
        try await world.comesIn(.newcomer)
        try await world.reload { configuration in
            for index in configuration.users.indices { configuration.users[index].maximumConnections = nil }
        }
        try await world.comesIn(.stayer)
    }

    private func changeLimits(_ world: inout ReloadWorld) async throws {
        try await world.reload { $0.limits.connections = 1 }
        let proxy = world.proxy
        let waiting = Task { try await proxy.client(.newcomer, 0, 4) }
        try await eventually(timeout: .seconds(60), "somebody who waits") {
            proxy.log.entries.contains { $0.metadata["limit"] == "1" }
        }
        #expect(proxy.control.live()["newcomer"]?.connections ?? 0 == 0)
        try await world.reload {
            $0.limits.connections = nil
            $0.limits.acceptsPerSecond = 1_000
            $0.limits.perAddress = 1
            $0.relay.idleTimeoutMilliseconds = 300_000
        }
        let client = try await waiting.value
        try await client.exchange([1])
        await client.close()
    }

    private func changeRoutes(_ world: inout ReloadWorld) async throws {
        let target = SocketTarget.loopback(world.otherDataCenter.port)
        try await world.reload {
            $0.routes.usesWebSocket = false
            $0.routes.tcpAddresses = [2: [target], 4: [target]]
        }
        let (upgrades, sessions) = (world.edge.upgradeCount, world.dataCenter.connections)
        try await world.comesIn(.stayer, 2)
        try await world.comesIn(.stayer, 4)
        #expect(world.otherDataCenter.connections == 2 * SecretForm.allCases.count)
        #expect(world.edge.upgradeCount == upgrades)
        #expect(world.dataCenter.connections == sessions)
    }

    private func changeMiddleProxies(_ world: inout ReloadWorld) async throws {
        let taken = world.proxy.log.lines("lists of middle proxies taken").count
        try world.useOtherMiddleProxy()
        try await world.reload(rereadingLists: true) {
            $0.middleProxy.linksPerTarget = 4
            $0.middleProxy.clientQueueBytes = 1 << 20
        }
        let proxy = world.proxy
        try await eventually(timeout: .seconds(60), "the new list") {
            proxy.log.lines("lists of middle proxies taken").count == taken + 1
        }
        let before = world.middle.sessions.count
        try await world.comesIn(.tagged)
        #expect(world.middle.sessions.count == before)
        #expect(world.otherMiddle.sessions.count >= 1)
        // Those who were there move when they come to rest; one who talks without end stays where he is.
        try await world.reload { $0.middleProxy.use = .never }
        let sessions = world.otherDataCenter.connections
        try await world.comesIn(.tagged)
        #expect(world.otherDataCenter.connections == sessions + SecretForm.allCases.count)
        try await world.reload { $0.middleProxy.use = .tagged }
        let later = world.otherMiddle.sessions.count
        try await world.comesIn(.tagged)
        #expect(world.otherMiddle.sessions.count > later)
    }
}
