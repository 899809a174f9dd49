/// Runs the openssl program (version 3), which the tests' set-up installs.
enum OpenSSL {
    /// Options that make a P-256 key in a file, not encrypted.
    static func newKey(_ path: String) -> [String] {
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path]
    }

    /// - Throws: ``KitError/command(_:)`` with what it printed when it fails.
    static func run(_ arguments: [String]) async throws {
        let outcome = try await ChildProcess.run(["openssl"] + arguments)
        guard outcome.status == 0 else {
            let said = String(decoding: outcome.output + outcome.errors, as: UTF8.self)
            throw KitError.command("openssl \(arguments.joined(separator: " ")): \(said)")
        }
    }
}
