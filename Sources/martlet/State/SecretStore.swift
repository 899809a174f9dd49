import MTProtoWire
import ProxyStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why the kept secret cannot be had. Always fatal: a secret made for one run alone would give out links that die with
/// the next restart.
struct StateError: Error, Sendable, Equatable, CustomStringConvertible {
    var problem: String
    var hint: String

    var description: String { "\(problem); \(hint)" }
}

/// Keeps the secret that was made on the first start, so that the link stays the same.
///
/// The file `secret` holds the secret as one line of text. It is readable by its owner alone, and it appears in the
/// directory complete or not at all.
struct SecretStore: Sendable {
    /// What the store found or made.
    struct Kept: Sendable, Equatable {
        var secret: ProxySecret
        /// It was made just now.
        var isNew: Bool
        var notes: [String] = []
    }

    let directory: String

    var path: String { "\(directory)/secret" }

    /// The kept secret; the first time, a new one.
    func obtain(using generator: inout some RandomNumberGenerator) throws(StateError) -> Kept {
        if let kept = try load() { return kept }
        try makeDirectory()
        let secret = ProxySecret.generate(.plain, using: &generator)
        guard try place(secret) else {
            // Another process made one between our look and our attempt: its secret is the one.
            guard let kept = try load() else { throw unusable("\(path) vanished while it was read") }
            return kept
        }
        return Kept(secret: secret, isNew: true)
    }

    /// The kept secret; nil when there is none yet.
    func load() throws(StateError) -> Kept? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        if file < 0 {
            if errno == ENOENT { return nil }
            throw unusable("\(path) cannot be read: \(SystemError.last)")
        }
        defer { close(file) }
        let text: String
        switch FileText.readAll(file, limit: 4_096) {
        case .success(let content): text = content
        case .failure(let error): throw unusable("\(path) cannot be read: \(error)")
        }
        do {
            return Kept(secret: try ProxySecret(parsing: text), isNew: false, notes: closeToOthers(file))
        } catch {
            throw StateError(
                problem: "\(path) does not hold a secret",
                hint:
                    "put a secret there (see `martlet secret new`), or remove the file for a new one and a new link"
            )
        }
    }

    /// Takes away what others may do with the file.
    private func closeToOthers(_ file: Int32) -> [String] {
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & 0o077 != 0 else { return [] }
        guard fchmod(file, 0o600) == 0 else { return ["\(path) can be read by other accounts"] }
        return ["\(path) could be read by other accounts; it is closed to them now"]
    }

    /// Writes a secret under a name of its own and links it into place. False when the place is already taken.
    private func place(_ secret: ProxySecret) throws(StateError) -> Bool {
        let draft = "\(directory)/.secret.\(getpid()).\(UInt64.random(in: 0 ... .max))"
        let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw unusable("\(directory) cannot be written: \(SystemError.last)") }
        defer {
            close(file)
            unlink(draft)
        }
        StateFiles.giveToOwner(of: directory, file)
        if case .failure(let error) = FileOutput.write(Array((secret.text + "\n").utf8)[...], to: file) {
            throw unusable("\(draft) cannot be written: \(error)")
        }
        guard fsync(file) == 0 else { throw unusable("\(draft) cannot be written: \(SystemError.last)") }
        // Unlike a rename, a link never replaces what another process has put there.
        if link(draft, path) != 0 {
            if errno == EEXIST { return false }
            guard rename(draft, path) == 0 else { throw unusable("\(path) cannot be written: \(SystemError.last)") }
        }
        syncDirectory()
        return true
    }

    private func syncDirectory() {
        let handle = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard handle >= 0 else { return }
        fsync(handle)
        close(handle)
    }

    /// Makes the directory and those above it; the last one is open to its owner alone.
    private func makeDirectory() throws(StateError) {
        guard !directory.isEmpty else {
            throw unusable("there is no home directory to keep the secret in")
        }
        var path = ""
        for part in directory.split(separator: "/") {
            path += "/\(part)"
            if mkdir(path, path.utf8.count == directory.utf8.count ? 0o700 : 0o755) != 0, errno != EEXIST,
                errno != EISDIR
            {
                let error = SystemError.last
                // A directory above may exist although nothing may be made in its parent.
                if access(path, F_OK) != 0 { throw unusable("\(path) cannot be made: \(error)") }
            }
        }
    }

    private func unusable(_ problem: String) -> StateError {
        StateError(
            problem: problem,
            hint: "give a directory that this account can write with --state-dir, or a secret with --secret"
        )
    }
}
