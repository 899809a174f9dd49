#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The small files in which the system tells about itself, and others that are read whole.
enum SystemFile {
    /// nil when the file cannot be read or is longer than `limit` bytes.
    static func bytes(_ path: String, limit: Int) -> [UInt8]? {
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

    static func text(_ path: String, limit: Int = 64 << 10) -> String? {
        bytes(path, limit: limit).map { String(decoding: $0, as: UTF8.self) }
    }
}
