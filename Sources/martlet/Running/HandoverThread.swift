import ProxyStore

/// Does what blocks on a thread of its own, so that it keeps none from other tasks.
func onThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(HandoverError) -> Value
) async throws(HandoverError) -> Value {
    let result: Result<Value, HandoverError> = await withCheckedContinuation { continuation in
        let work: @Sendable () -> Void = {
            continuation.resume(returning: Result { () throws(HandoverError) in try body() })
        }
        // Where the system gives no thread, a task's has to do.
        if !startThread(work) { work() }
    }
    return try result.get()
}

extension HandoverLink {
    /// The next message, which has to be one that the body takes.
    func expect<Value>(
        _ what: String, within milliseconds: Int, _ take: (HandoverMessage) -> Value?
    ) throws(HandoverError) -> Value {
        guard let message = try receive(within: milliseconds) else {
            throw HandoverError("the other process ended before \(what)")
        }
        if case .abort(let why) = message { throw HandoverError(LogText.escaped(why)) }
        guard let value = take(message) else {
            throw HandoverError("the other process said something else than \(what)")
        }
        return value
    }

    func expect(_ wanted: HandoverMessage, _ what: String, within milliseconds: Int) throws(HandoverError) {
        try expect(what, within: milliseconds) { $0 == wanted ? () : nil }
    }
}
