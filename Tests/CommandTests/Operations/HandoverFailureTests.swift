import Foundation
import MTProtoWire
import ProxyStore
import ProxyTestKit
import Testing

@testable import martlet

/// A process that asks for a handover and does not go through with it, and limits that hold over two processes.
@Suite(.serialized, .timeLimit(.minutes(4))) struct HandoverFailureTests {
    /// Where the other process stops to go on as it should.
    enum Fault: String, CaseIterable, Sendable {
        case leavesAfterOffer, leavesWithDatabase, leavesWithMemory, leavesAtLast, saysNothingAtLast, aborts,
            talksNonsense
    }

    /// Takes over up to the fault.
    private static func take(_ directory: String, _ fault: Fault) throws {
        let place = try HandoverPlace(directory: directory)
        let reply = try ControlClient(directory: directory).ask(.handover(pid: getpid()))
        #expect(reply == .done(notes: []))
        let link = try place.accept(within: 10_000)
        guard case .offer(let offer)? = try link.receive(within: 10_000) else { throw KitError.violation("no offer") }
        #expect(offer.sockets.count == 1)
        if fault == .leavesAfterOffer { return }
        try link.send(.release(version: "0"), within: 10_000)
        #expect(try link.receive(within: 10_000) == .released)
        if fault == .leavesWithDatabase { return }
        if fault == .talksNonsense { return try link.send(.done, within: 10_000) }
        try link.send(.bound, within: 10_000)
        while let message = try link.receive(within: 10_000), message != .memoryEnd {}
        if fault == .leavesWithMemory { return }
        try link.send(.remembered, within: 10_000)
        while let message = try link.receive(within: 10_000), message != .yours {}
        switch fault {
        case .aborts: try link.send(.abort("I changed my mind"), within: 10_000)
        case .saysNothingAtLast:
            while let message = try link.receive(within: 30_000) {
                if case .abort = message { return }
            }
        default: break
        }
    }

    @Test func `Whatever the other process does before it accepts, the server goes on`() async throws {
        let site = try await Site()
        let server = try await site.start()
        let crowd = Crowd(port: try server.port, secrets: [try site.secret, try site.plainSecret])
        for (index, fault) in Fault.allCases.enumerated() {
            try await crowd.serve(5)
            let state = site.state
            try await offTasks { Result { try Self.take(state, fault) } }.get()
            try await eventually(timeout: .seconds(60), "the end of the handover, \(fault)") {
                server.saidOnErrors.matches(of: /this server goes on/).count > index
            }
            try await crowd.serve(5)
            let added = try await site.command("users", "add", "new-\(index)")
            #expect(added.status == 0, "\(fault): \(added.errors)")
        }
        // And nothing is left of it.
        let second = try await site.start(["--take-over"])
        try await crowd.serve(20)
        await crowd.expectEnd()
        await server.expectEnd()
        second.terminate()
        await second.expectEnd()
        #expect(try await site.usage().sessions == UInt64(crowd.served))
    }

    @Test func `Only one process takes over at a time`() async throws {
        let site = try await Site()
        let server = try await site.start()
        let place = try HandoverPlace(directory: site.state)
        let client = ControlClient(directory: site.state)
        #expect(try client.ask(.handover(pid: getpid())) == .done(notes: []))
        let link = try place.accept(within: 10_000)
        guard case .failure(let error)? = try client.ask(.handover(pid: getpid())) else {
            throw KitError.violation("a second handover")
        }
        #expect(error.code == .busy)
        guard case .failure(let restart)? = try client.ask(.restart) else { throw KitError.violation("a restart") }
        #expect(restart.code == .restart)
        link.shutDown()
        #expect(await server.says("this server goes on"))
        guard case .failure? = try client.ask(.handover(pid: 1)) else { throw KitError.violation("nobody waits") }
        server.terminate()
        await server.expectEnd()
    }

    @Test func `A quota counts what both processes move, and ends sessions in both`() async throws {
        let site = try await Site()
        #expect(try await site.command("users", "set", "anna", "--quota", "2MB").status == 0)
        let first = try await site.start(["--drain-time", "120s"])
        let port = try first.port
        let old = try await TelegramClient.connect(port: port, secret: try site.secret)
        try await old.exchange([UInt8](repeating: 1, count: 400_000))
        let second = try await site.start(["--take-over"])
        try await old.exchange([UInt8](repeating: 2, count: 300_000))
        let new = try await TelegramClient.connect(port: port, secret: try site.secret)
        try await new.exchange([UInt8](repeating: 3, count: 200_000))
        // Together more than 1.8 MB: each of them alone would be far from the end.
        await #expect(throws: (any Error).self) {
            for _ in 0..<200 {
                try await new.exchange([UInt8](repeating: 4, count: 2_000))
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        try await eventually(timeout: .seconds(60), "the end of the old session") { old.stream.ending != .open }
        await old.close()
        await new.close()
        await first.expectEnd()
        second.terminate()
        await second.expectEnd()
    }

    @Test func `Sessions in the old process count among those that a user may have`() async throws {
        let site = try await Site()
        #expect(try await site.command("users", "set", "anna", "--max-connections", "2").status == 0)
        let first = try await site.start(["--drain-time", "120s"])
        let port = try first.port
        let old = try await TelegramClient.connect(port: port, secret: try site.secret)
        try await old.exchange([1])
        let second = try await site.start(["--take-over"])
        let new = try await TelegramClient.connect(port: port, secret: try site.secret)
        try await new.exchange([1])
        // The old one's report comes within 5 s.
        try await eventually(timeout: .seconds(60), every: .milliseconds(500), "a refused third session") {
            try await site.isUnanswered(try site.hello(), port: port)
        }
        await old.close()
        await first.expectEnd()
        try await eventually(timeout: .seconds(40), every: .milliseconds(500), "room for another one") {
            try await site.isAnswered(try site.hello(), port: port, within: .seconds(3))
        }
        await new.close()
        second.terminate()
        await second.expectEnd()
    }
}
