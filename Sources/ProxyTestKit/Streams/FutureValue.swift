import NIOCore
import Synchronization

/// A continuation that many may want to resume, and the first does.
private final class OnceContinuation<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case waiting(CheckedContinuation<Value, any Error>)
        case resumed(Result<Value, any Error>)
    }
    private let state = Mutex<State>(.empty)

    func set(_ continuation: CheckedContinuation<Value, any Error>) {
        let early: Result<Value, any Error>? = state.withLock {
            if case .resumed(let result) = $0 { return result }
            $0 = .waiting(continuation)
            return nil
        }
        if let early { continuation.resume(with: early) }
    }

    func resume(with result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock {
            switch $0 {
            case .empty:
                $0 = .resumed(result)
                return nil
            case .waiting(let continuation):
                $0 = .resumed(result)
                return continuation
            case .resumed:
                return nil
            }
        }
        continuation?.resume(with: result)
    }
}

extension EventLoopFuture where Value: Sendable {
    /// The value, or ``KitError/timedOut(_:)``, or `CancellationError` as soon as the task is cancelled.
    func value(within limit: Duration?, _ what: @autoclosure @escaping @Sendable () -> String) async throws -> Value {
        let once = OnceContinuation<Value>()
        let timer = limit.map {
            eventLoop.scheduleTask(in: TimeAmount($0)) {
                once.resume(with: .failure(KitError.timedOut(what())))
            }
        }
        whenComplete { once.resume(with: $0) }
        defer { timer?.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { once.set($0) }
        } onCancel: {
            once.resume(with: .failure(CancellationError()))
        }
    }
}
