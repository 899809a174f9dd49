import ProxyEngine

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The program that listens on a TCP port, as far as this account may see it (Linux).
struct PortOwner: Equatable {
    var name: String
    var process: Int32

    /// Everybody who has such a socket open: a server and the one that it takes over from, or a service manager.
    static func find(_ port: Int) -> [PortOwner] {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].compactMap { SmallFile.read($0, limit: 16 << 20) }
        let sockets = Set(tables.flatMap { listeners(in: $0, port: port) }.map { "socket:[\($0)]" })
        guard !sockets.isEmpty else { return [] }
        let files = FileManager.default
        return ((try? files.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { name in
            guard let process = Int32(name) else { return nil }
            let directory = "/proc/\(name)/fd"
            let hasOne = ((try? files.contentsOfDirectory(atPath: directory)) ?? []).contains { entry in
                (try? files.destinationOfSymbolicLink(atPath: "\(directory)/\(entry)")).map(sockets.contains) == true
            }
            guard hasOne else { return nil }
            let command = SmallFile.read("/proc/\(name)/comm", limit: 256) ?? ""
            return PortOwner(name: String(command.filter { !$0.isNewline }), process: process)
        }
    }

    /// The inode numbers of the listening sockets of a port in `/proc/net/tcp`'s table: a head, then lines with number,
    /// local address, remote address, state (0A listens), queues, timers, retransmits, account, timeout, inode.
    static func listeners(in table: String, port: Int) -> [Substring] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let words = line.split(separator: " ")
            guard words.count > 9, words[3] == "0A", let colon = words[1].lastIndex(of: ":"),
                Int(words[1][words[1].index(after: colon)...], radix: 16) == port
            else { return nil }
            return words[9]
        }
    }
}
