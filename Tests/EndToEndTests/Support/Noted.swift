import ProxyTestKit
import Synchronization

/// A value that one task leaves for another.
final class Noted<Value: Sendable>: Sendable {
    private let stored = Mutex<Value?>(nil)

    var value: Value? { stored.withLock { $0 } }

    func note(_ value: Value) {
        stored.withLock { $0 = value }
    }

    /// The value, as soon as it was left.
    func awaited(_ what: String) async throws -> Value {
        try await eventually(timeout: .seconds(120), what) { self.value != nil }
        guard let value else { throw KitError.timedOut(what) }
        return value
    }
}

/// Asks for a count until it has not grown for a second, and gives it. A slow machine may make it return too early,
/// with too small a count, never with too large a one.
func settled(_ count: @Sendable () async throws -> Int) async throws -> Int {
    var last = -1
    var repetitions = 0
    try await eventually(timeout: .seconds(120), every: .milliseconds(50), "a count that stands still") {
        0 < (try await count())
    }
    while repetitions < 20 {
        let now = try await count()
        repetitions = now == last ? repetitions + 1 : 0
        last = now
        try await Task.sleep(for: .milliseconds(50))
    }
    return last
}
