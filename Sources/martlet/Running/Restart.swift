import ProxyEngine
import ProxyStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Starts the running server's successor and waits until it has taken over.
struct Restart: Sendable {
    /// From the start of the other process to its taking over: it opens the database, reads lists and the replay memory.
    private static let patience = Duration.seconds(90)
    /// How often it is looked whether it still runs.
    private static let look = Duration.milliseconds(50)

    let giver: HandoverGiver
    let control: ProxyControl

    func perform() async -> ControlReply {
        guard getpid() != 1 else {
            return failure(
                "this server is process 1 of its container, which ends with it",
                hint: "start a new container, or run the server under an init (docker run --init)")
        }
        do throws(HandoverProblem) {
            let (process, outcomes) = try await giver.startSuccessor()
            let outcome = await wait(for: process, outcomes)
            await giver.forgetSuccessor()
            switch outcome {
            case .handedOver(let new): return .restarted(report(new))
            case .failed(let why):
                process.stop()
                let details = try? await onThread { () throws(HandoverError) in
                    process.waitForEnd()
                    return process.lastWords
                }
                return failure(
                    "the new process did not take over, and the old one goes on: \(why)",
                    hint: "put right what it says, and try again", details)
            }
        } catch {
            return failure(error.problem, hint: error.hint)
        }
    }

    private func wait(
        for process: SuccessorProcess, _ outcomes: AsyncStream<HandoverGiver.Outcome>
    ) async -> HandoverGiver.Outcome {
        await withTaskGroup(of: HandoverGiver.Outcome?.self) { tasks in
            tasks.addTask {
                for await outcome in outcomes { return outcome }
                return nil
            }
            tasks.addTask {
                let end = ContinuousClock.now + Self.patience
                while ContinuousClock.now < end {
                    guard process.isRunning else { return .failed("it ended by itself") }
                    guard (try? await Task.sleep(for: Self.look)) != nil else { return nil }
                }
                return .failed("it took longer than \(Self.patience.components.seconds) s")
            }
            defer { tasks.cancelAll() }
            for await outcome in tasks { if let outcome { return outcome } }
            return .failed("it was cancelled")
        }
    }

    private func report(_ new: RestartReport.Server) -> RestartReport {
        RestartReport(
            old: RestartReport.Server(pid: getpid(), version: Martlet.version), new: new,
            drainSeconds: control.drainMilliseconds / 1_000)
    }

    private func failure(_ problem: String, hint: String, _ details: [String]? = nil) -> ControlReply {
        .failure(ControlError(.restart, problem, hint: hint, details: details))
    }
}
