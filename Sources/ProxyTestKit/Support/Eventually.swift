/// Asks again and again until `condition` holds; throws ``KitError/timedOut(_:)`` when it never does.
package func eventually(
    timeout: Duration = .seconds(60),
    every interval: Duration = .milliseconds(5),
    _ what: @autoclosure () -> String = "a condition",
    _ condition: @Sendable () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + timeout
    while true {
        if try await condition() { return }
        guard ContinuousClock.now < deadline else {
            throw KitError.timedOut("\(what()) within \(timeout)")
        }
        try await Task.sleep(for: interval)
    }
}

/// How long `body` took, with what it returned.
package func measured<Value: Sendable>(
    _ body: () async throws -> Value
) async rethrows -> (value: Value, time: Duration) {
    let start = ContinuousClock.now
    let value = try await body()
    return (value, ContinuousClock.now - start)
}
