import Foundation
import ProxyTestKit

/// A program that looks at the proxy from outside, independent of the test kit.
struct CommandProbe: Sendable {
    /// What a run of it came to.
    struct Outcome: Sendable {
        var status: Int32
        var output: [UInt8]
        var errors: String
    }

    /// Runs curl without any configuration of this machine, such as a proxy of its own.
    static func curl(_ arguments: [String]) async throws -> Outcome {
        let common = ["curl", "--disable", "--silent", "--show-error", "--noproxy", "*", "--max-time", "60"]
        return try await run(common + arguments)
    }

    private static func run(_ command: [String]) async throws -> Outcome {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Outcome, any Error>) in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try runAndWait(command) })
            }
        }
    }

    private static func runAndWait(_ command: [String]) throws -> Outcome {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // Both are small enough for a pipe's buffer or read one after the other: errors are a few lines.
        let said = output.fileHandleForReading.readDataToEndOfFile()
        let complaints = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus,
            output: Array(said),
            errors: String(decoding: complaints, as: UTF8.self)
        )
    }
}
