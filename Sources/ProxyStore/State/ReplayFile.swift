package import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The replay memory between an orderly stop and the next start: `replay.memory` in the state directory, for its owner
/// alone.
///
/// What lies there is complete: it is written when the last connection is gone, and it goes away with the first start
/// that reads it, before that accepts anybody. After a process that was killed there is none.
package struct ReplayFile: Sendable {
    private let files: StateFiles

    /// - Parameter directory: the state directory, absolute.
    package init(directory: String) {
        files = StateFiles(directory: directory)
    }

    /// Writes the memory in place of an older one. Blocks.
    package func write(_ memory: ReplayMemory) throws(StoreError) {
        try files.makeDirectory()
        let draft = "\(files.replayMemory)~"
        unlink(draft)
        let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("\(draft) cannot be made") }
        defer { close(file) }
        StateFiles.giveToOwner(of: files.directory, file)
        var rest = memory.encoded[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { bytes in
                #if canImport(Glibc)
                    Glibc.write(file, bytes.baseAddress, bytes.count)
                #elseif canImport(Musl)
                    Musl.write(file, bytes.baseAddress, bytes.count)
                #else
                    Darwin.write(file, bytes.baseAddress, bytes.count)
                #endif
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                throw failed(draft)
            }
        }
        guard fsync(file) == 0, rename(draft, files.replayMemory) == 0 else { throw failed(draft) }
        syncDirectory()
    }

    /// Reads the memory and removes it, so that it is used once; nil when there is none, or none that is whole. Blocks.
    package func take() -> ReplayMemory? {
        let file = open(files.replayMemory, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard unlink(files.replayMemory) == 0 else { return nil }
        // A machine that loses power must not find it again.
        syncDirectory()
        var status = stat()
        guard fstat(file, &status) == 0, status.st_size <= ReplayMemory.maximumBytes else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { space in
                pread(file, space.baseAddress?.advanced(by: filled), space.count - filled, off_t(filled))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            filled += count
        }
        return ReplayMemory(decoding: bytes)
    }

    private func failed(_ draft: String) -> StoreError {
        let error = StoreError.system("\(draft) cannot be written")
        unlink(draft)
        return error
    }

    private func syncDirectory() {
        let directory = open(files.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }
}
