import Dispatch
package import ProxyPolicy

/// The users: those that the configuration declares, and those that commands have made and the database keeps.
///
/// The database is opened when there is one, and made with the first thing worth keeping: a bridge with nothing but its
/// owner's secret never touches it. Calls that write block, on a queue that belongs to this actor alone.
package actor UserManager {
    /// What the manager asks and tells the rest of the program.
    package struct Hooks: Sendable {
        /// All users that are in force, after every change; in the order of the changes.
        ///
        /// The usage beside a user is what was recorded: sessions have moved more since. Take it over where
        /// ``UserUsage/quotaSince`` differs from what is known, as after a reset, and for users that are new.
        package var onChange: @Sendable ([UserEntry]) -> Void
        /// The user's sessions shall end at once; called after ``onChange``.
        package var closeNow: @Sendable (_ name: String) -> Void
        /// What users have open; nil when no server runs.
        package var live: (@Sendable () async -> [String: UserLive])?
        /// Who is running; nil when no server runs.
        package var status: (@Sendable () -> ServerStatus)?

        package init(
            onChange: @escaping @Sendable ([UserEntry]) -> Void = { _ in },
            closeNow: @escaping @Sendable (_ name: String) -> Void = { _ in },
            live: (@Sendable () async -> [String: UserLive])? = nil,
            status: (@Sendable () -> ServerStatus)? = nil
        ) {
            self.onChange = onChange
            self.closeNow = closeNow
            self.live = live
            self.status = status
        }
    }

    /// Every handshake may have to try every secret: this many users are a second of a core's work.
    package static let maximumUsers = 100_000

    nonisolated package let unownedExecutor: UnownedSerialExecutor
    private let executor: QueueExecutor
    private(set) var declared: [User]
    private(set) var declaredByName: [String: User]
    /// Where the declared users stand, for messages: a path.
    let declaredIn: String
    let files: StateFiles
    let now: @Sendable () -> Int64
    var hooks = Hooks()
    private var store: UserStore?
    /// Another process is taking the database over, or has done so.
    var isReleased = false
    /// What the database holds.
    private(set) var managed: [String: User] = [:]
    /// Whom each shadowed managed user gives way to.
    private(set) var shadows: [String: String] = [:]
    private var usage: [String: UserUsage] = [:]
    private var totals: ProcessTotals?
    /// What was moved and is not written yet, by users there are.
    private var pending: [String: UsageDelta] = [:]
    private var pendingTotals = UsageDelta()

    /// - Parameters:
    ///   - declared: the configuration's users; their names and secrets are unique.
    ///   - directory: the state directory, absolute.
    ///   - declaredIn: the configuration file's path, for messages.
    ///   - now: Unix time in seconds.
    package init(
        declared: [User], directory: String, declaredIn: String = "the configuration",
        now: @escaping @Sendable () -> Int64
    ) {
        let executor = QueueExecutor()
        self.executor = executor
        unownedExecutor = executor.asUnownedSerialExecutor()
        self.declared = declared
        declaredByName = Dictionary(declared.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.declaredIn = declaredIn
        files = StateFiles(directory: directory)
        self.now = now
    }

    package func use(_ hooks: Hooks) {
        self.hooks = hooks
    }

    /// Opens the database, if there is one.
    ///
    /// - Parameter patienceMilliseconds: how long to wait while another process, such as a command, holds it.
    package func open(patienceMilliseconds: Int = 2_000) throws(StoreError) {
        try checkPossession()
        if store == nil, files.hasDatabase { _ = try openedStore(patienceMilliseconds) }
    }

    /// Writes what is not written yet and lets go of the database.
    package func close() throws(StoreError) {
        defer { store = nil }
        try flush()
    }

    /// All users that are in force, with what they have moved: the declared ones, then the managed ones by name.
    package func entries() -> [UserEntry] {
        let present = managed.values.filter { shadows[$0.name] == nil }.sorted { $0.name < $1.name }
        return (declared + present).map { UserEntry(user: $0, usage: currentUsage(of: $0)) }
    }

    /// What all sessions have moved since counting began; nil before.
    package func processTotals() -> ProcessTotals? {
        if totals == nil, pendingTotals.isEmpty { return nil }
        var sum = totals ?? ProcessTotals(since: now())
        sum.add(pendingTotals)
        return sum
    }

    /// Adds what was moved since the last call, in one transaction.
    ///
    /// Names that are no user's, such as one's who was just removed, count in the totals alone. What cannot be written
    /// is kept and written with the next call, so nothing is to be repeated after an error.
    package func record(_ deltas: [String: UsageDelta]) throws(StoreError) {
        for (name, delta) in deltas {
            pendingTotals.add(delta)
            if !delta.isEmpty, userInForce(name) != nil { pending[name, default: UsageDelta()].add(delta) }
        }
        try flush()
    }

    /// Whether usage alone is a reason to make a database: not for the one user of a bridge, who has no limits.
    private var isUsageWorthKeeping: Bool {
        declared.count > 1
            || declared.contains { $0 != User(name: $0.name, secrets: $0.secrets, origin: $0.origin) }
    }

    private func flush() throws(StoreError) {
        guard !isReleased, store != nil || (isUsageWorthKeeping && !pending.isEmpty), !pendingTotals.isEmpty
        else { return }
        let store = try openedStore()
        var change = StoreChange()
        for user in pending.keys.compactMap({ userInForce($0) }) { change.usage[user.name] = currentUsage(of: user) }
        change.totals = processTotals()
        try store.write(change)
        usage.merge(change.usage) { $1 }
        totals = change.totals
        pending = [:]
        pendingTotals = UsageDelta()
    }

    // MARK: - Keeping

    /// Writes a change to the database and, when that went well, to memory.
    func keep(_ change: StoreChange) throws(StoreError) {
        try openedStore().write(change)
        for name in change.removed { managed[name] = nil }
        for user in change.saved { managed[user.name] = user }
        if !change.removed.isEmpty || !change.saved.isEmpty { findShadows() }
        for name in change.forgottenUsage {
            usage[name] = nil
            pending[name] = nil
        }
        for (name, value) in change.usage {
            usage[name] = value
            pending[name] = nil
        }
    }

    /// The database, opened or made.
    @discardableResult
    func openedStore(_ patienceMilliseconds: Int = 2_000) throws(StoreError) -> UserStore {
        if let store { return store }
        try checkPossession()
        let opened = try UserStore(directory: files.directory, patienceMilliseconds: patienceMilliseconds)
        let state = try opened.load()
        managed = Dictionary(state.users.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        usage = state.usage
        totals = state.totals
        findShadows()
        store = opened
        return opened
    }

    private func checkPossession() throws(StoreError) {
        guard isReleased else { return }
        throw StoreError(.inUse, "another process is taking over from this server", hint: "try again in a moment")
    }

    /// What is not written yet; it is the caller's now.
    func takeUnwritten() -> (pending: [String: UsageDelta], totals: UsageDelta) {
        defer { (pending, pendingTotals) = ([:], UsageDelta()) }
        return (pending, pendingTotals)
    }

    // MARK: - Looking

    func setDeclared(_ new: [User]) {
        declared = new
        declaredByName = Dictionary(new.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        findShadows()
    }

    private func findShadows() { shadows = shadows(under: declared) }

    /// Which managed users would give way to these declared ones, and to whom.
    func shadows(under declared: [User]) -> [String: String] {
        guard !declared.isEmpty else { return [:] }
        var shadows: [String: String] = [:]
        let names = Set(declared.map(\.name))
        var owners: [SecretIdentity: String] = [:]
        for user in declared { for secret in user.secrets { owners[SecretIdentity(secret)] = user.name } }
        for user in managed.values {
            if names.contains(user.name) {
                shadows[user.name] = user.name
            } else if let owner = user.secrets.lazy.compactMap({ owners[SecretIdentity($0)] }).first {
                shadows[user.name] = owner
            }
        }
        return shadows
    }

    /// Usage in the quota period of this moment, with what is not written yet.
    func currentUsage(of user: User) -> UserUsage {
        var value = usage[user.name] ?? UserUsage()
        value.rollOver(user.quota, now: now())
        if let delta = pending[user.name] { value.add(up: delta.up, down: delta.down, sessions: delta.sessions) }
        return value
    }

    func userInForce(_ name: String) -> User? {
        declaredByName[name] ?? (shadows[name] == nil ? managed[name] : nil)
    }
}

/// Runs an actor on a queue of its own, so that what blocks there keeps no thread from other tasks.
final class QueueExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "martlet.users")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        queue.async { job.runSynchronously(on: executor) }
    }
}

extension UsageDelta {
    mutating func add(_ other: UsageDelta) {
        up = up.addingWithoutWrap(other.up)
        down = down.addingWithoutWrap(other.down)
        sessions = sessions.addingWithoutWrap(other.sessions)
    }
}

extension ProcessTotals {
    mutating func add(_ delta: UsageDelta) {
        up = up.addingWithoutWrap(delta.up)
        down = down.addingWithoutWrap(delta.down)
        sessions = sessions.addingWithoutWrap(delta.sessions)
    }
}

extension UInt64 {
    /// The sum, or the largest number.
    fileprivate func addingWithoutWrap(_ other: UInt64) -> UInt64 {
        let (sum, isTooLarge) = addingReportingOverflow(other)
        return isTooLarge ? .max : sum
    }
}
