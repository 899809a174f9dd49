import Foundation
import MTProtoWire
import ProxyPolicy
import ProxyTestKit
import Testing

@testable import ProxyStore

/// A process that counts traffic and is killed in the middle of it.
///
/// The victim is this test program again, told by a variable to be one.
@Suite
struct SuddenEndTests {
    private static let variable = "MARTLET_TEST_VICTIM_DIRECTORY"
    private static var victimDirectory: String? { ProcessInfo.processInfo.environment[variable] }
    private static let users = 20

    @Test(.enabled(if: victimDirectory != nil))
    func victim() async throws {
        let directory = try #require(Self.victimDirectory)
        let manager = UserManager(declared: [], directory: directory, now: { noon })
        try await manager.open()
        var batch: UInt64 = await manager.entries().map(\.usage.sessions).max() ?? 0
        while true {
            batch += 1
            let delta = UsageDelta(up: 3, down: 7, sessions: 1)
            try await manager.record(
                Dictionary(uniqueKeysWithValues: (1...Self.users).map { ("user\($0)", delta) }))
            FileHandle.standardOutput.write(Data("written \(batch)\n".utf8))
        }
    }

    #if os(Linux)
        @Test(.enabled(if: victimDirectory == nil), .timeLimit(.minutes(2)))
        func `A killed process loses at most the batch it was writing, and no user`() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("state")
            do {
                let manager = UserManager(declared: [], directory: path, now: { noon })
                let list = (1...Self.users).map { fields("user\($0)", $0) }
                _ = await manager.perform(.importUsers(list, existing: .refuse))
                try await manager.close()
            }
            for round in 1...5 {
                let written = try Self.killedVictim(path, afterBatches: round * 17)
                let state = try UserStore(directory: path).load()
                #expect(state.users.count == Self.users)
                let counts = Set(state.usage.values.map(\.sessions))
                // All of a batch or nothing of it.
                #expect(counts == [written] || counts == [written + 1], "\(counts), \(written) were reported")
                let count = try #require(counts.first)
                #expect(state.usage.values.allSatisfy { $0.up == 3 * count && $0.down == 7 * count })
                #expect(state.totals?.sessions == count * UInt64(Self.users))
            }
        }

        /// Starts a victim, kills it after some batches, and gives the number of the last one that it reported.
        private static func killedVictim(_ path: String, afterBatches minimum: Int) throws -> UInt64 {
            var environment = ProcessInfo.processInfo.environment
            environment[variable] = path
            let victim = try ChildProcess(
                [
                    CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter",
                    "SuddenEndTests/victim",
                ],
                environment: environment)
            var text = ""
            while text.matches(of: /written \d+\n/).count < minimum {
                let chunk = victim.output.availableData
                if chunk.isEmpty { throw KitError.command("the victim ended by itself: \(text)") }
                text += String(decoding: chunk, as: UTF8.self)
            }
            kill(victim.identifier, SIGKILL)
            text += String(decoding: victim.output.readDataToEndOfFile(), as: UTF8.self)
            victim.waitUntilExit()
            let last = text.matches(of: /written (\d+)\n/).last.flatMap { UInt64($0.1) }
            return try #require(last)
        }
    #endif
}
