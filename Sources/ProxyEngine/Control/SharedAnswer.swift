/// A question that costs something, asked by many: it is put once at a time, and its answer is good for a while.
package actor SharedAnswer<Answer: Sendable> {
    private let life: Duration
    private var running: Task<Answer, Never>?
    private var last: (asked: ContinuousClock.Instant, answer: Answer)?

    /// - Parameter life: how long after it was asked for an answer is given again.
    package init(life: Duration) {
        self.life = life
    }

    package func get(_ ask: @escaping @Sendable () async -> Answer) async -> Answer {
        if let running { return await running.value }
        if let last, ContinuousClock.now - last.asked < life { return last.answer }
        let asked = ContinuousClock.now
        // Not a child of whoever happens to ask first: others wait for it as well. It ends by itself.
        let task = Task { await ask() }
        running = task
        let answer = await task.value
        running = nil
        last = (asked, answer)
        return answer
    }
}
