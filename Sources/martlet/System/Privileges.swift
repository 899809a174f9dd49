import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The account that a process of root's goes over to once its sockets are bound and its files are read.
struct Privileges: Sendable {
    /// As the configuration names it.
    let name: String
    private let user: uid_t
    private let group: gid_t

    /// Nil where there is nothing to give up: no account is named, or the process is not root's.
    ///
    /// - Throws: when there is no such account.
    static func toGiveUp(for configuration: ProxyConfiguration) throws(StateError) -> Privileges? {
        guard let name = configuration.user, geteuid() == 0 else { return nil }
        return try Privileges(account: name)
    }

    init(account name: String) throws(StateError) {
        guard let entry = getpwnam(name)?.pointee else {
            throw StateError(
                problem: "there is no account \(quoted(name)) to go over to",
                hint: "make one (useradd --system \(LogText.escaped(name))), or name another with --user")
        }
        self.name = name
        user = entry.pw_uid
        group = entry.pw_gid
    }

    /// Makes what is kept usable for the account: the state directory with the files that martlet made there, and the
    /// log file. Called before privileges are given up, and again at that moment, for what was made in between.
    ///
    /// - Throws: when the account could not use the state directory all the same.
    func take(stateDirectory: String, logFile: String?) throws(StateError) {
        if let logFile { give(logFile) }
        guard !stateDirectory.isEmpty else { return }
        try makeDirectory(stateDirectory)
        let names = Self.entries(of: stateDirectory)
        var status = stat()
        guard stat(stateDirectory, &status) == 0 else { throw unusable(stateDirectory, "it cannot be looked at") }
        if status.st_uid == 0 {
            // Somebody may have named a directory that other programs use: it is not ours to give away.
            if let foreign = names.first(where: { !Self.isOurs($0) }) {
                throw unusable(
                    stateDirectory, "it belongs to root and holds \(quoted(foreign)), which is not martlet's")
            }
            give(stateDirectory)
        }
        for entry in names where Self.isOurs(entry) { give("\(stateDirectory)/\(entry)") }
        try checkWay(to: stateDirectory)
    }

    /// Goes over to the account, for good. For a process of root's alone.
    func giveUp() throws(StateError) {
        var groups = [group]
        guard setgroups(1, &groups) == 0, setgid(group) == 0, setuid(user) == 0 else {
            throw StateError(
                problem: "cannot go over to the account \(quoted(name)): \(SystemError.last)",
                hint: "the process needs CAP_SETUID and CAP_SETGID for that; start it under the account instead")
        }
        guard user == 0 || setuid(0) != 0 else {
            throw StateError(problem: "root's rights did not go away", hint: "start the program under another account")
        }
    }

    // MARK: Files

    /// What martlet and its database make in a state directory.
    private static func isOurs(_ name: String) -> Bool {
        let beginnings = [
            "martlet.", "handover-", "networks-", "replay.", ".secret.", "secret", "proxy-", "community-",
        ]
        return beginnings.contains { name.hasPrefix($0) }
    }

    private func makeDirectory(_ path: String) throws(StateError) {
        var way = ""
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            way += "/\(part)"
            if mkdir(way, index == parts.count - 1 ? 0o700 : 0o755) != 0, errno != EEXIST, errno != EISDIR {
                let error = SystemError.last
                if access(way, F_OK) != 0 { throw unusable(path, "it cannot be made: \(error)") }
            }
        }
    }

    /// Symbolic links are left alone: they may lead anywhere.
    private func give(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_uid == 0 else { return }
        let kind = status.st_mode & mode_t(S_IFMT)
        guard [mode_t(S_IFREG), mode_t(S_IFDIR), mode_t(S_IFSOCK)].contains(kind) else { return }
        _ = lchown(path, user, group)
    }

    /// Every directory on the way has to let the account through, and the last one has to take files from it.
    private func checkWay(to directory: String) throws(StateError) {
        var way = ""
        for part in directory.split(separator: "/") {
            way += "/\(part)"
            var status = stat()
            guard stat(way, &status) == 0 else { continue }
            let needed: mode_t = way.utf8.count == directory.utf8.count ? 0o3 : 0o1
            let shift: mode_t = status.st_uid == user ? 6 : status.st_gid == group ? 3 : 0
            guard status.st_mode >> shift & needed == needed || user == 0 else {
                throw unusable(directory, "the account \(quoted(name)) cannot use \(way)")
            }
        }
    }

    private func unusable(_ directory: String, _ problem: String) -> StateError {
        StateError(
            problem: "the state directory \(directory) is of no use: \(problem)",
            hint: "give another one, such as --state-dir /var/lib/martlet")
    }

    private static func entries(of directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
