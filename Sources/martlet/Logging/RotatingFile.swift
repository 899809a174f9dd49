#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that is put aside as `name.1`, `name.2`, … before it grows beyond a size.
struct RotatingFile: ~Copyable {
    private let path: String
    private let maximumBytes: Int
    private let backups: Int
    private var file: Int32
    private var size: Int

    /// Opens or makes the file; what it holds already is kept and counts.
    init(path: String, maximumBytes: Int, backups: Int) throws(SystemError) {
        self.path = path
        self.maximumBytes = maximumBytes
        self.backups = backups
        (file, size) = try Self.open(path)
    }

    deinit {
        if file >= 0 { close(file) }
    }

    /// Appends whole lines, as many of them as the file still takes before it is put aside.
    mutating func write(_ lines: ArraySlice<UInt8>) throws(SystemError) {
        var rest = lines
        while !rest.isEmpty {
            let part = fitting(rest)
            if part.isEmpty {
                try putAside()
                continue
            }
            if case .failure(let error) = FileOutput.write(part, to: file) { throw error }
            size += part.count
            rest = rest.dropFirst(part.count)
        }
    }

    /// The first lines that fit. A line longer than a whole file gets a file of its own.
    private func fitting(_ lines: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let room = maximumBytes - size
        if lines.count <= room { return lines }
        let newline = UInt8(ascii: "\n")
        if let end = lines.prefix(max(room, 0)).lastIndex(of: newline) { return lines[...end] }
        guard size == 0 else { return [] }
        return lines.firstIndex(of: newline).map { lines[...$0] } ?? lines
    }

    /// Opens the file anew, after another program has put it aside. The old one goes on when that fails.
    mutating func reopen() throws(SystemError) {
        let fresh = try Self.open(path)
        close(file)
        (file, size) = fresh
    }

    private mutating func putAside() throws(SystemError) {
        for number in stride(from: backups, to: 1, by: -1) {
            rename("\(path).\(number - 1)", "\(path).\(number)")
        }
        if backups > 0 { rename(path, "\(path).1") } else { unlink(path) }
        close(file)
        file = -1
        (file, size) = try Self.open(path)
        // Where renaming is impossible the file is started over: a bound on the disk comes before old lines.
        if size > 0, ftruncate(file, 0) == 0 { size = 0 }
    }

    private static func open(_ path: String) throws(SystemError) -> (file: Int32, size: Int) {
        let file = openForAppending(path)
        guard file >= 0 else { throw .last }
        var status = stat()
        return (file, fstat(file, &status) == 0 ? Int(status.st_size) : 0)
    }

    /// A descriptor, or -1 and an error. Readable by the owner and the group: lines name clients' addresses.
    static func openForAppending(_ path: String) -> Int32 {
        systemOpen(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
    }
}

/// `open`, whose name the file's own method hides.
private func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
    open(path, flags, mode)
}
