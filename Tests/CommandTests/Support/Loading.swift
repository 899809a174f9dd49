import ArgumentParser
import Foundation
import ProxyPolicy
import ProxyTestKit

@testable import martlet

/// Loads a configuration from parts, without this process's own environment.
func load(
    flags: [String] = [],
    variables: [String: String] = [:],
    toml: String? = nil
) throws -> LoadedConfiguration {
    var host = HostEnvironment(variables: variables, workingDirectory: "/work dir", accountHome: "/home/someone")
    let command = flags.isEmpty ? nil : try ConfigurationFlags.parse(flags)
    let source = command?.source(ownFlags: [], host: host) ?? GivenSource()
    guard let toml else { return try ConfigurationLoader(flags: source, host: host).load() }

    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try toml.write(to: directory.appendingPathComponent("martlet.toml"), atomically: true, encoding: .utf8)
    host.workingDirectory = directory.path
    return try ConfigurationLoader(flags: source, file: command?.file ?? "martlet.toml", host: host).load()
}

/// The messages of a configuration that must be refused.
func refusals(flags: [String] = [], variables: [String: String] = [:], toml: String? = nil) throws -> [String] {
    do {
        _ = try load(flags: flags, variables: variables, toml: toml)
        return []
    } catch let failure as ConfigurationFailure {
        return failure.errors.map(\.description)
    }
}

/// A directory of its own for one test.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let directory = try TemporaryDirectory(prefix: "martlet")
    return try withExtendedLifetime(directory) { try body(directory.url.path) }
}

/// The same for a test that waits.
func withTemporaryDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = try TemporaryDirectory(prefix: "martlet")
    try await body(directory.url.path)
    // Removed with its last use.
    withExtendedLifetime(directory) {}
}

/// Files that examples name, made for one test: they have to be there.
func withExampleFiles(_ example: [String], _ body: ([String]) throws -> Void) throws {
    try withTemporaryDirectory { directory in
        let place = "/etc/martlet"
        for text in example where text.hasPrefix(place) {
            try "".write(toFile: directory + text.dropFirst(place.count), atomically: true, encoding: .utf8)
        }
        try body(example.map { $0.hasPrefix(place) ? directory + $0.dropFirst(place.count) : $0 })
    }
}
