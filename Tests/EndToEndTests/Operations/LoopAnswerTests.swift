import Foundation
import NIOCore
import ProxyPolicy
import ProxyTestKit
import Synchronization
import Testing

@testable import ProxyEngine

/// What a watchdog asks.
@Suite(.timeLimit(.minutes(1))) struct LoopAnswerTests {
    @Test func `A loop that hangs is noticed until it goes on`() async throws {
        try await RunningProxy.with {
            $0.listen.threads = 3
        } _: { proxy in
            await proxy.control.allLoopsAnswer()
            let loops = proxy.control.state.loops.withLock { $0 }
            try #require(loops.count == 3)
            let (hold, held) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            loops[1].eventLoop.execute {
                held.signal()
                hold.wait()
            }
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    held.wait()
                    continuation.resume()
                }
            }
            let hasAnswered = Atomic(false)
            let asking = Task {
                await proxy.control.allLoopsAnswer()
                hasAnswered.store(true, ordering: .relaxed)
            }
            // The others answer all the same.
            await loops[0].on { _ in }
            await loops[2].on { _ in }
            let isEarly = hasAnswered.load(ordering: .relaxed)
            #expect(!isEarly)
            hold.signal()
            await asking.value
        }
    }
}
