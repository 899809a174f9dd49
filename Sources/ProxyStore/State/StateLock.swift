#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The right to use a state directory's database: one process at a time.
///
/// An advisory lock on a file that stays: the kernel lets go of it with the process, however that ends.
final class StateLock: Sendable {
    private let file: Int32

    /// Takes the lock.
    ///
    /// - Parameter patienceMilliseconds: how long to wait for another process, such as a command that is just adding
    ///   a user.
    /// - Throws: ``StoreError/Code/inUse`` with the holder's process id.
    init(_ files: StateFiles, patienceMilliseconds: Int) throws(StoreError) {
        let file = files.openFile(files.lock)
        guard file >= 0 else { throw .system("\(files.lock) cannot be opened") }
        do throws(StoreError) {
            try Self.take(file, files, patienceMilliseconds)
        } catch {
            close(file)
            throw error
        }
        self.file = file
    }

    deinit { close(file) }

    private static let stepMilliseconds = 20

    private static func take(_ file: Int32, _ files: StateFiles, _ patience: Int) throws(StoreError) {
        var left = patience
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else { throw .system("\(files.lock) cannot be locked") }
            guard left > 0 else {
                let holder = holder(of: file).map { "process \($0)" } ?? "another process"
                throw StoreError(
                    .inUse, "\(files.database) is used by \(holder)",
                    hint: "stop that process, or give another directory with --state-dir"
                )
            }
            usleep(UInt32(stepMilliseconds * 1_000))
            left -= stepMilliseconds
        }
        // The number is for people; the lock holds without it.
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(file, 0)
        _ = pwrite(file, text, text.count, 0)
    }

    private static func holder(of file: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(file, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count], as: UTF8.self).prefix { $0.isNumber })
    }
}
