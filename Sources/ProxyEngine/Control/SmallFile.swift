#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Files that are read and replaced as a whole.
package enum SmallFile {
    /// - Returns: nil when the file cannot be read or is longer than `limit` bytes.
    package static func bytes(_ path: String, limit: Int) -> [UInt8]? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while content.count <= limit {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            content += chunk.prefix(count)
        }
        return content.count <= limit && ferror(file) == 0 ? content : nil
    }

    /// The same as text; files in which the system tells about itself are short.
    package static func read(_ path: String, limit: Int = 64 << 10) -> String? {
        bytes(path, limit: limit).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Replaces the file in one step, so that a reader sees the old content or the new one.
    package static func write(_ content: [UInt8], to path: String) -> Bool {
        let temporary = path + ".new"
        guard let file = fopen(temporary, "we") else { return false }
        let isWritten = fwrite(content, 1, content.count, file) == content.count
        guard fclose(file) == 0, isWritten, rename(temporary, path) == 0 else {
            unlink(temporary)
            return false
        }
        return true
    }

    package static func write(_ text: String, to path: String) -> Bool { write(Array(text.utf8), to: path) }
}
