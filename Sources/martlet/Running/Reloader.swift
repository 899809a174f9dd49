import Logging
import ProxyEngine
import ProxyPolicy
import ProxyStore

/// Reads the configuration again, and puts into force what can change while sessions go on: all of it or nothing.
actor Reloader {
    /// Who wanted it.
    enum Cause: Sendable, Equatable {
        case signal
        case command
        case files(Set<String>)

        var name: String {
            switch self {
            case .signal: "SIGHUP"
            case .command: "martlet reload"
            case .files(let paths): "changed: \(paths.sorted().joined(separator: ", "))"
            }
        }
    }

    private let loader: ConfigurationLoader
    private let users: RunningUsers?
    private let control: ProxyControl
    private let levels: LogLevels
    private let logger: Logger
    /// What is in force.
    private var settings: Settings
    private var configuration: ProxyConfiguration
    /// Remarks that were logged already.
    private var notes: Set<String>
    private var watch: FileWatch
    /// The last change that was taken because a file changed.
    private var unasked: (report: ReloadReport, moment: ContinuousClock.Instant)?
    private var last: Task<ControlReply, Never>?

    /// - Parameters:
    ///   - loader: what the program was started with.
    ///   - loaded: what it gave then.
    ///   - configuration: the same with the secret of the state directory, where it is used.
    ///   - users: nil where there is no state directory.
    init(
        _ loader: ConfigurationLoader, loaded: LoadedConfiguration, configuration: ProxyConfiguration,
        users: RunningUsers?, control: ProxyControl, log: LogSystem
    ) {
        self.loader = loader
        self.control = control
        self.users = users
        levels = log.levels
        logger = log.logger
        settings = loaded.settings
        self.configuration = configuration
        notes = Set(loaded.notes)
        watch = FileWatch(known: FileWatch.marks(loader.files(of: configuration)))
    }

    /// Reloads, after those that were asked for before. The answer is a report, or why nothing was changed; the log has
    /// it, too.
    func reload(_ cause: Cause) async -> ControlReply {
        let before = last
        let next = Task {
            _ = await before?.value
            return await self.perform(cause)
        }
        last = next
        return await next.value
    }

    /// Looks whether the configuration's files have changed, and reloads if they have.
    func look() async {
        let changed = watch.look(FileWatch.marks(loader.files(of: configuration)))
        if !changed.isEmpty { _ = await reload(.files(changed)) }
    }

    private func perform(_ cause: Cause) async -> ControlReply {
        // Before they are read: what is written meanwhile is found later.
        let marks = FileWatch.marks(loader.files(of: configuration))
        ServiceManager.current.notify(.reloading)
        defer {
            settle(marks)
            ServiceManager.current.notify(.reloaded)
        }
        do throws(ControlError) {
            var report = try await take(try load(), rereadingLists: rereadsLists(cause))
            tell(report, cause)
            note(&report, cause)
            return .reloaded(report)
        } catch {
            tell(error, cause)
            return .failure(error)
        }
    }

    /// Lists are small and change seldom: whoever asks for a reload gets them fresh, and so does whoever changed one.
    private func rereadsLists(_ cause: Cause) -> Bool {
        guard case .files(let paths) = cause else { return true }
        return paths.contains { $0 != loader.filePath }
    }

    /// Whoever asks after the file was noticed would wonder why nothing has changed.
    private func note(_ report: inout ReloadReport, _ cause: Cause) {
        if case .files = cause {
            if !report.isEmpty { unasked = (report, .now) }
        } else {
            if let unasked, report.isEmpty {
                let seconds = unasked.moment.duration(to: .now).components.seconds
                let what = unasked.report.lines.joined(separator: "; ")
                report.notes.append("the file was noticed by itself \(seconds) s ago: \(what)")
            }
            unasked = nil
        }
    }

    private func load() throws(ControlError) -> LoadedConfiguration {
        do throws(ConfigurationFailure) {
            return try loader.load()
        } catch {
            throw ControlError(.configuration, Self.refusal, details: error.errors.map(\.description))
        }
    }

    /// Everything that can fail comes first.
    private func take(
        _ loaded: LoadedConfiguration, rereadingLists: Bool
    ) async throws(ControlError) -> ReloadReport {
        let (complete, secretNotes) = try await withSecrets(loaded)
        let prepared: PreparedConfiguration
        do throws(ProxyError) {
            prepared = try control.prepare(complete)
        } catch {
            throw ControlError(.configuration, Self.refusal, details: ["\(error)"])
        }
        var report = ReloadReport()
        report.users = try await replaceUsers(complete.declaredUsers)
        await control.reconfigure(prepared, rereadingLists: rereadingLists)
        levels.apply(complete.log)
        let difference = ReloadDifference(from: settings, to: loaded.settings)
        report.changed = difference.changed
        report.needsRestart = difference.needsRestart
        report.notes = loaded.notes + secretNotes
        settings = settings.reloaded(with: loaded.settings)
        configuration = configuration.reloaded(with: complete)
        return report
    }

    /// As at the start: where nobody is declared, there is the secret of the state directory.
    private func withSecrets(
        _ loaded: LoadedConfiguration
    ) async throws(ControlError) -> (ProxyConfiguration, notes: [String]) {
        var loaded = loaded
        // Another one takes a restart.
        loaded.configuration.stateDirectory = configuration.stateDirectory
        let hasManaged = await users?.manager.entries().contains { $0.user.origin == .managed } ?? false
        guard RunningUsers.usesKeptSecret(loaded, hasOthers: hasManaged) else { return (loaded.configuration, []) }
        do throws(StateError) {
            return try loaded.withSecrets()
        } catch {
            throw ControlError(.configuration, Self.refusal, details: ["\(error)"])
        }
    }

    private func replaceUsers(_ declared: [User]) async throws(ControlError) -> ReloadReport.Users {
        if let users {
            let news = try await users.manager.replaceDeclared(declared)
            await users.settled()
            return news
        }
        let news = ReloadReport.Users(from: configuration.declaredUsers, to: declared)
        if !news.isEmpty { await control.replaceUsers(declared.map { UserEntry(user: $0) }) }
        return news
    }

    private func settle(_ marks: FileWatch.Marks) {
        var marks = marks
        let paths = Set(loader.files(of: configuration))
        // What the new configuration names was read just now.
        for path in paths where marks[path] == nil { marks[path] = FileWatch.Mark(path) }
        watch.settle(marks.filter { paths.contains($0.key) })
    }

    // MARK: Telling

    private static let refusal = "the configuration is wrong: nothing was changed"
    /// Names in one line of the log.
    private static let longestList = 20

    private func tell(_ report: ReloadReport, _ cause: Cause) {
        var metadata: Logger.Metadata = ["because": "\(cause.name)"]
        for (key, names) in report.parts {
            metadata[key.replacing(" ", with: "_")] = "\(names.listed(atMost: Self.longestList))"
        }
        if report.isEmpty {
            logger.info("configuration read again: nothing has changed", metadata: metadata)
        } else {
            logger.notice("configuration reloaded", metadata: metadata)
        }
        if !report.needsRestart.isEmpty {
            logger.warning(
                "these changes wait for a restart",
                metadata: ["keys": "\(report.needsRestart.listed(atMost: Self.longestList))"])
        }
        for note in report.notes where notes.insert(note).inserted { logger.notice("\(note)") }
    }

    private func tell(_ error: ControlError, _ cause: Cause) {
        logger.error(
            "configuration not reloaded", metadata: ["because": "\(cause.name)", "problem": "\(error.description)"])
        for detail in error.details ?? [] {
            logger.error("what keeps the configuration from being reloaded", metadata: ["problem": "\(detail)"])
        }
    }
}

extension ConfigurationLoader {
    /// What a reload reads besides the environment and the flags, absolute paths: the configuration file and the files
    /// that it names.
    func files(of configuration: ProxyConfiguration) -> [String] {
        let (middleProxy, limits) = (configuration.middleProxy, configuration.limits)
        let lists = (limits.blockLists + limits.allowLists).filter { !$0.contains("://") }
        let others = [
            filePath, configuration.connect.caFile, middleProxy.secretFile, middleProxy.configFile,
            middleProxy.configFileV6,
        ]
        return others.compactMap { $0 } + lists
    }
}
