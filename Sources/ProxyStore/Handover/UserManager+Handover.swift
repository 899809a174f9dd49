package import ProxyPolicy

/// The database goes from process to process.
extension UserManager {
    /// The state directory.
    nonisolated package var directory: String { files.directory }

    /// Writes down everything and lets go of the database for another process. Until ``takeBack()`` commands are refused,
    /// and what users move is gathered.
    package func release() throws(StoreError) {
        try close()
        isReleased = true
    }

    /// The other process did not begin: the database is this one's again.
    package func takeBack() throws(StoreError) {
        isReleased = false
        try open()
    }

    /// What was gathered, for the process that has the database now; what belongs to nobody stands under an empty name.
    package func takePending() -> [String: UsageDelta] {
        let (pending, totals) = takeUnwritten()
        var rest = totals
        for delta in pending.values {
            rest.up -= min(rest.up, delta.up)
            rest.down -= min(rest.down, delta.down)
            rest.sessions -= min(rest.sessions, delta.sessions)
        }
        return rest.isEmpty ? pending : pending.merging(["": rest]) { $1 }
    }
}
