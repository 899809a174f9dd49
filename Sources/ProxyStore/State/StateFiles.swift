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
    /// SQLite gives the files beside it the same mode and owner.
    func closeDatabaseToOthers() throws(StoreError) {
        let file = openFile(database)
        guard file >= 0 else { throw .system("\(database) cannot be opened") }
        defer { close(file) }
        guard fchmod(file, 0o600) == 0 else { throw .system("\(database) cannot be closed to other accounts") }
    }

    /// Opens a file, and makes it for its owner alone when it is not there. Links are not followed: root must not be led
    /// to another file by the account that the directory belongs to.
    ///
    /// - Returns: -1 when that failed; see `errno`.
    func openFile(_ path: String) -> Int32 {
        let fresh = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard fresh < 0 else {
            Self.giveToOwner(of: directory, fresh)
            return fresh
        }
        return open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    }

    /// Gives a file that was just made to the directory's owner, as root alone can: a service that runs under an account
    /// of its own has to be able to use what root's commands make for it.
    package static func giveToOwner(of directory: String, _ file: Int32) {
        var status = stat()
        guard geteuid() == 0, stat(directory, &status) == 0, status.st_uid != 0 else { return }
        _ = fchown(file, status.st_uid, status.st_gid)
    }
}
