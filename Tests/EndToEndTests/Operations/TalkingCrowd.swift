import ProxyEngine
import ProxyTestKit

/// A session that exchanges random messages until it is told to stop.
final class Talker: Sendable {
    /// Longest message, bytes: several packets of TCP.
    private static let longestMessage = 8 << 10
    /// Between two messages, so that hundreds of sessions leave the machine some air.
    private static let breath = Duration.milliseconds(20)

    let client: TelegramClient
    private let rounds = Locked(0)
    private let isTold = Locked(false)
    private let failure = Locked<String?>(nil)
    private let task: Task<[UInt8], any Error>

    /// - Parameter client: one that has said nothing yet.
    init(_ client: TelegramClient) {
        self.client = client
        let (rounds, isTold, failure) = (rounds, isTold, failure)
        task = Task {
            var generator = SeededGenerator(seed: .random(in: 0...(.max)))
            var digest = RunningDigest()
            do {
                while !isTold.withLock({ $0 }) {
                    let payload = generator.bytes(Int.random(in: 1...Self.longestMessage, using: &generator))
                    digest.update(payload)
                    try await client.exchange(payload)
                    rounds.withLock { $0 += 1 }
                    try await Task.sleep(for: Self.breath)
                }
                return digest.value
            } catch {
                failure.withLock { $0 = "\(error)" }
                throw error
            }
        }
    }

    /// Waits until two more messages have come back: one may have been on its way before.
    func goesOn() async throws {
        let before = rounds.withLock { $0 }
        try await eventually(timeout: .seconds(120), "another message") {
            if let failure = self.failure.withLock({ $0 }) { throw KitError.violation("a session ended: \(failure)") }
            return self.rounds.withLock { $0 } >= before + 2
        }
    }

    /// Waits until it finds that its session has ended.
    func findsItsEnd() async throws {
        try await eventually(timeout: .seconds(60), "the end of a session") { self.failure.withLock { $0 } != nil }
    }

    /// Stops after the message that is on its way.
    ///
    /// - Returns: SHA-256 of all that was sent.
    func stop() async throws -> [UInt8] {
        isTold.withLock { $0 = true }
        return try await task.value
    }
}

/// Many of them.
struct TalkingCrowd: Sendable {
    let talkers: [Talker]

    init(_ count: Int, _ connect: @escaping @Sendable (_ index: Int) async throws -> TelegramClient) async throws {
        talkers = try await withThrowingTaskGroup(of: Talker.self) { group in
            for index in 0..<count { group.addTask { Talker(try await connect(index)) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try await goOn()
    }

    /// Every session still talks.
    func goOn() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for talker in talkers { group.addTask { try await talker.goesOn() } }
            try await group.waitForAll()
        }
    }

    /// Stops them all, closes them, and gives what each has sent, as SHA-256.
    func stop() async throws -> [[UInt8]] {
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for talker in talkers {
                group.addTask {
                    let digest = try await talker.stop()
                    await talker.client.close()
                    return digest
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}
