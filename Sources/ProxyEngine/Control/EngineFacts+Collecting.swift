import Crypto
import MTProtoWire
import NIOCore
import ProxyPolicy

extension ProxyControl {
    /// How long a loop may take to answer before it is left out.
    package static let answerLimit = Duration.seconds(2)

    /// Everything at this moment. Each event loop is asked once.
    ///
    /// - Parameter withUsers: also each user's numbers.
    package func facts(withUsers: Bool, within limit: Duration = answerLimit) async -> EngineFacts {
        let asked = NIODeadline.now()
        let loops = await collect(within: limit) { $0.facts(asked: asked) }
        let settings = state.settings
        let (halfOpen, masked) = state.admission.withLock { ($0.halfOpen, $0.masked) }
        let stage = state.stage.now
        return EngineFacts(
            stage: stage, startTime: state.startTime, clients: state.connections, clientLimit: state.connectionLimit,
            halfOpen: halfOpen, masked: masked,
            listeningSockets: stage == .listening ? state.listeningSockets(loops: loops.count) : 0,
            acceptRate: settings.configuration.limits.acceptsPerSecond, acceptsLeft: state.acceptsLeft ?? 0,
            windowClamp: settings.configuration.listen.socket.windowClampBytes,
            memoryBudget: MemoryGuard.budget(settings).bytes, middleProxies: state.middleProxyFacts,
            loops: loops, activity: state.loopWatch?.facts, users: withUsers ? state.userFacts : []
        )
    }

    /// Whether each event loop answers, in their order.
    package func answers(within limit: Duration = answerLimit) async -> [Bool] {
        await collect(within: limit) { _ in true }.map { $0 ?? false }
    }

    /// Asks all loops at once.
    ///
    /// - Returns: the answers in the loops' order, nil for those that did not answer in time.
    func collect<Answer: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (LoopContext) -> Answer
    ) async -> [Answer?] {
        let loops = state.loops.withLock { $0 }
        let (answers, send) = AsyncStream<(Int, Answer?)>.makeStream()
        for (index, loop) in loops.enumerated() {
            // A task that is scheduled fails when the loop shuts down; one that is submitted would never be heard of.
            loop.eventLoop.scheduleTask(in: .zero) { body(loop) }.futureResult.whenComplete { result in
                send.yield((index, try? result.get()))
            }
        }
        return await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try? await Task.sleep(for: limit)
                send.finish()
            }
            defer { tasks.cancelAll() }
            var collected = [Answer?](repeating: nil, count: loops.count)
            var missing = loops.count
            guard missing > 0 else { return collected }
            for await (index, answer) in answers {
                collected[index] = answer
                missing -= 1
                if missing == 0 { break }
            }
            return collected
        }
    }
}

extension LoopContext {
    fileprivate func facts(asked: NIODeadline) -> LoopFacts {
        let lag = NIODeadline.now() - asked
        countBytes()
        return LoopFacts(
            counts: counts, serving: serving, warm: pool.idleCount, warming: pool.openingCount,
            links: middleProxies.facts, deadlines: wheel.counts, sharedBufferBytes: sharedBufferBytes,
            lag: Double(lag.nanoseconds) / 1e9
        )
    }
}

extension EngineState {
    fileprivate var userFacts: [UserFacts] {
        accounts.map { $0.facts }.sorted { $0.name < $1.name }
    }

    /// A TCP place has a socket on each loop, a Unix socket's place one.
    fileprivate func listeningSockets(loops: Int) -> Int {
        listeners.reduce(0) { sum, listener in
            if case .tcp = listener.configuration.place { sum + loops } else { sum + 1 }
        }
    }

    fileprivate var middleProxyFacts: MiddleProxyFacts {
        let settings = settings
        let hasTag = settings.configuration.middleProxy.adTag != nil || accounts.contains { $0.adTag != nil }
        return middleProxies.withLock { known in
            let targets = Set([known.list, known.listV6].compactMap { $0 }.flatMap { $0.clusters.values.joined() })
            return MiddleProxyFacts(
                list: known.listDocument, secret: known.secretDocument,
                clusters: known.list?.clusters.count ?? known.listV6?.clusters.count ?? 0, targets: targets.count,
                hasTag: hasTag, usesDiffieHellman: settings.diffieHellman != nil
            )
        }
    }
}

extension UserAccount {
    fileprivate var facts: UserFacts {
        let (user, usage) = settingsAndUsage
        return UserFacts(name: name, connections: live.connections, usage: usage, quota: user.quota?.bytes)
    }
}

extension TakenDocument {
    init(_ content: [UInt8], from source: String) {
        let digest = Insecure.MD5.hash(data: content)
        self.init(
            source: source, takenAt: EngineState.unixTime(), bytes: content.count,
            md5: digest.map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0\(digits)" : digits
            }.joined()
        )
    }
}
