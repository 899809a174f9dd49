import ProxyTestKit

/// Programs that look at the proxy from outside, independent of the test kit.
enum CommandProbe {
    /// Runs curl without any configuration of this machine, such as a proxy of its own.
    static func curl(_ arguments: [String]) async throws -> (status: Int32, output: [UInt8], errors: String) {
        let common = ["curl", "--disable", "--silent", "--show-error", "--noproxy", "*", "--max-time", "60"]
        let outcome = try await ChildProcess.run(common + arguments)
        return (outcome.status, outcome.output, String(decoding: outcome.errors, as: UTF8.self))
    }
}
