#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where things lie in the state directory.
package struct StateFiles: Sendable, Equatable {
    /// Absolute path.
    package var directory: String

    package init(directory: String) {
        self.directory = directory
    }

    /// Users and counters.
    package var database: String { "\(directory)/martlet.db" }
    /// Held by the process that uses the database.
    package var lock: String { "\(directory)/martlet.lock" }
    /// Where a running server takes commands.
    package var socket: String { "\(directory)/martlet.sock" }
    /// What is remembered against replays, from an orderly stop to the next start.
    package var replayMemory: String { "\(directory)/replay.memory" }
    /// Where a process that takes over waits for the one before it.
    package func handoverSocket(of process: Int32) -> String { "\(directory)/handover-\(process).sock" }

    var hasDatabase: Bool { access(database, F_OK) == 0 }

    /// Makes the directory and those above it; the last one is open to its owner alone.
    func makeDirectory() throws(StoreError) {
        guard directory.hasPrefix("/") else {
            throw StoreError(
                .unusable, "there is no home directory to keep users in",
                hint: "give a directory that this account can write with --state-dir"
            )
        }
        let parts = directory.split(separator: "/")
        var path = ""
        for (index, part) in parts.enumerated() {
            path += "/\(part)"
            if mkdir(path, index == parts.count - 1 ? 0o700 : 0o755) != 0, errno != EEXIST, errno != EISDIR {
                let number = errno
                // A directory above may exist although nothing may be made in its parent.
                if access(path, F_OK) != 0 { throw .system("\(path) cannot be made", number: number) }
            }
        }
    }

    /// Makes the database's file empty, unless it is there, and closes it to other accounts before a secret is in it.
    /// SQLite gives the files beside it the same mode.
    func closeDatabaseToOthers() throws(StoreError) {
        let file = open(database, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("\(database) cannot be opened") }
        defer { close(file) }
        guard fchmod(file, 0o600) == 0 else { throw .system("\(database) cannot be closed to other accounts") }
    }
}
