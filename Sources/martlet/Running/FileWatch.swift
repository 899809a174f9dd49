#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Notices files that were changed or put in the place of others, once whoever writes them is done.
struct FileWatch: Sendable {
    /// By what a file's content is told from the one before.
    struct Mark: Sendable, Equatable {
        private let device: UInt64
        private let inode: UInt64
        private let bytes: Int64
        private let seconds: Int64
        private let nanoseconds: Int64

        /// Nil when there is no such file.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt64(truncatingIfNeeded: status.st_dev)
            inode = UInt64(status.st_ino)
            bytes = Int64(status.st_size)
            #if canImport(Darwin)
                let time = status.st_mtimespec
            #else
                let time = status.st_mtim
            #endif
            (seconds, nanoseconds) = (Int64(time.tv_sec), Int64(time.tv_nsec))
        }
    }

    /// What a look at all files found; those that are not there have no mark.
    typealias Marks = [String: Mark]

    private var known: Marks
    /// What the last look found, if it was something new.
    private var unsettled: Marks?

    init(known: Marks) {
        self.known = known
    }

    static func marks(_ paths: some Sequence<String>) -> Marks {
        var marks: Marks = [:]
        for path in paths { marks[path] = Mark(path) }
        return marks
    }

    /// Takes what a look found.
    ///
    /// - Returns: the files that have changed, once two looks in a row found the same.
    mutating func look(_ marks: Marks) -> Set<String> {
        guard marks != known else {
            unsettled = nil
            return []
        }
        guard marks == unsettled else {
            unsettled = marks
            return []
        }
        unsettled = nil
        let before = known
        known = marks
        return Set(marks.keys).union(before.keys).filter { marks[$0] != before[$0] }
    }

    /// These are known: they were just read.
    mutating func settle(_ marks: Marks) {
        known = marks
        unsettled = nil
    }
}
