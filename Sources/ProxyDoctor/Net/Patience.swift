import Synchronization

/// What `body` gives, or nil when it takes longer than the limit. What cannot be interrupted goes on unheard.
func within<Value: Sendable>(_ limit: Duration, _ body: @escaping @Sendable () async -> Value) async -> Value? {
    let race = Race<Value>()
    return await withCheckedContinuation { continuation in
        race.begin(continuation)
        let work = Task { race.end(await body()) }
        let alarm = Task {
            guard (try? await Task.sleep(for: limit)) != nil else { return }
            race.end(nil)
            work.cancel()
        }
        Task {
            await work.value
            alarm.cancel()
        }
    }
}

/// Resumes a continuation once, for the first who comes.
private final class Race<Value: Sendable>: Sendable {
    private let waiting = Mutex<CheckedContinuation<Value?, Never>?>(nil)

    func begin(_ continuation: CheckedContinuation<Value?, Never>) {
        waiting.withLock { $0 = continuation }
    }

    func end(_ value: Value?) {
        let continuation = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        continuation?.resume(returning: value)
    }
}

/// Something that several checks need and that is found out once, when the first of them asks.
actor Once<Value: Sendable> {
    private let find: @Sendable () async -> Value
    private var finding: Task<Value, Never>?

    init(_ find: @escaping @Sendable () async -> Value) {
        self.find = find
    }

    var value: Value {
        get async {
            let task = finding ?? Task { [find] in await find() }
            finding = task
            return await task.value
        }
    }
}

/// Runs `body` for every element, several at a time, and gives the results in the order of the elements.
func sideBySide<Element: Sendable, Result: Sendable>(
    _ elements: [Element], atMost width: Int, _ body: @escaping @Sendable (Element) async -> Result
) async -> [Result] {
    await withTaskGroup(of: (Int, Result).self) { group in
        var results: [Int: Result] = [:]
        for (index, element) in elements.enumerated() {
            if index >= width, let (done, result) = await group.next() { results[done] = result }
            group.addTask { (index, await body(element)) }
        }
        for await (done, result) in group { results[done] = result }
        return elements.indices.compactMap { results[$0] }
    }
}

/// Milliseconds since some moment.
struct Stopwatch: Sendable {
    private var start = ContinuousClock.now

    /// Since the start or the lap before.
    mutating func lap() -> Double {
        let now = ContinuousClock.now
        defer { start = now }
        return Figures.milliseconds(start.duration(to: now))
    }
}
