import Foundation
import ProxyTestKit

/// What a program said and how it ended.
struct ProgramResult: Sendable {
    var output: String
    var errors: String
    var status: Int32
}

/// The built program, beside the tests.
enum Program {
    static let path: String = {
        // The bundle of the tests lies in the same directory as the products.
        let directory = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }?
            .deletingLastPathComponent()
        let beside = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        for candidate in [beside, directory].compactMap({ $0 }) {
            let path = candidate.appendingPathComponent("martlet").path
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        return ".build/debug/martlet"
    }()

    /// Runs it with an environment of its own: no variable of the tests' own machine counts.
    static func martlet(_ arguments: [String], variables: [String: String] = [:]) async throws -> ProgramResult {
        try await run(path, arguments, variables: variables)
    }
}

/// Runs a program to its end.
func run(_ path: String, _ arguments: [String], variables: [String: String] = [:]) async throws -> ProgramResult {
    try await RunningProgram(path, arguments, variables: variables).ended()
}

/// Does what blocks outside of the threads that tasks run on: servers of the kit need them meanwhile.
func offTasks<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}

/// A program that was started, with what it has said so far.
final class RunningProgram: Sendable {
    private let process: ChildProcess
    private let output: Collected
    private let errors: Collected

    /// - Parameter sockets: descriptors that it inherits, as 3, 4 and so on.
    init(_ path: String, _ arguments: [String], variables: [String: String], sockets: [Int32] = []) throws {
        process = try ChildProcess(
            [path] + arguments, environment: ["PATH": "/usr/bin:/bin"].merging(variables) { $1 },
            descriptors: sockets)
        output = Collected(process.output)
        errors = Collected(process.errors)
    }

    deinit { process.terminate() }

    var identifier: Int32 { process.identifier }

    /// Waits until it says something on stderr; false when it ended without it.
    func says(_ text: String) async -> Bool {
        await offTasks { self.errors.wait { $0.contains(text) } }
    }

    /// Waits until it shows something on stdout; false when it ended without it.
    func shows(_ text: String) async -> Bool {
        await offTasks { self.output.wait { $0.contains(text) } }
    }

    /// What it has said on stderr so far.
    var saidOnErrors: String { errors.text }

    func terminate() { process.terminate() }

    /// Waits for its end.
    func ended() async -> ProgramResult {
        await offTasks {
            let status = self.process.waitUntilExit()
            _ = self.output.wait { _ in false }
            _ = self.errors.wait { _ in false }
            return ProgramResult(output: self.output.text, errors: self.errors.text, status: status)
        }
    }
}

/// The bytes of one pipe, read on a thread of their own so that a program never waits for us.
private final class Collected: @unchecked Sendable {
    private let condition = NSCondition()
    private var bytes = Data()
    private var isAtEnd = false

    init(_ handle: FileHandle) {
        Thread.detachNewThread { [self] in
            while true {
                let chunk = Self.chunk(of: handle.fileDescriptor)
                condition.lock()
                bytes += chunk
                isAtEnd = chunk.isEmpty
                condition.broadcast()
                condition.unlock()
                if chunk.isEmpty { return }
            }
        }
    }

    /// What there is; nothing at the end. Foundation's own call ends the process when a signal comes in between.
    private static func chunk(of descriptor: Int32) -> Data {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count >= 0 { return Data(chunk.prefix(count)) }
            guard errno == EINTR else { return Data() }
        }
    }

    var text: String {
        condition.lock()
        defer { condition.unlock() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Waits until the text fulfils a condition or the pipe ends.
    func wait(until holds: (String) -> Bool) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if holds(String(decoding: bytes, as: UTF8.self)) { return true }
            if isAtEnd { return false }
            condition.wait()
        }
    }
}
