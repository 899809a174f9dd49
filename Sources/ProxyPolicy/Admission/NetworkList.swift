import MTProtoWire

/// Reads the text form in which lists of networks are published (FireHOL, Spamhaus, ipset): a network, an address or a
/// range `FIRST-LAST` per line; `#` and `;` begin a comment.
package enum NetworkList {
    /// Networks of one list; the longest that are published have about 300,000. 20 MB when full.
    package static let maximumNetworks = 500_000
    /// What is told of a list's faults; the rest is counted.
    package static let maximumProblems = 20
    /// An entry's length in bytes, without its comment: a range of two IPv6 addresses has 79 and a few blanks.
    package static let maximumEntryLength = 100

    /// What is no network is left out and told of. When nothing at all could be read there are no networks, and at least
    /// one problem unless the list has comments alone.
    ///
    /// - Parameter name: what problems begin with, as in `name:12: "foo" is not a network`.
    package static func parse(_ text: String, name: String) -> (networks: [Network], problems: [String]) {
        var reader = Reader(name: name)
        let bytes = Array(text.utf8)
        if isMarkup(bytes) {
            return ([], ["\(name):1: this is a page of HTML or XML, not a list of networks"])
        }
        var start = bytes.starts(with: byteOrderMark) ? byteOrderMark.count : 0
        while start < bytes.count, reader.hasRoom {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            reader.read(bytes[start..<end])
            start = end + 1
        }
        return (reader.networks, reader.told())
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// An error page or a login page of the network in between, instead of the list.
    private static func isMarkup(_ bytes: [UInt8]) -> Bool {
        let first = bytes.first { !isBlank($0) && $0 != UInt8(ascii: "\n") && !byteOrderMark.contains($0) }
        return first == UInt8(ascii: "<")
    }

    fileprivate static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
}

/// Takes a list line by line.
private struct Reader {
    let name: String
    private(set) var networks: [Network] = []
    private var problems: [String] = []
    private var untold = 0
    private var line = 0
    private(set) var hasRoom = true

    init(name: String) { self.name = name }

    mutating func read(_ bytes: ArraySlice<UInt8>) {
        line += 1
        let isComment = { (byte: UInt8) in byte == UInt8(ascii: "#") || byte == UInt8(ascii: ";") }
        var entry = bytes[..<(bytes.firstIndex(where: isComment) ?? bytes.endIndex)]
        while let last = entry.last, NetworkList.isBlank(last) { entry.removeLast() }
        entry = entry.drop(while: NetworkList.isBlank)
        guard !entry.isEmpty else { return }
        guard entry.count <= NetworkList.maximumEntryLength else {
            return complain("\(quoted(entry)) is too long for a network")
        }
        let text = String(decoding: entry, as: UTF8.self)
        do {
            if entry.contains(UInt8(ascii: "-")) {
                add(try range(text))
            } else {
                add([try Network(parsing: text)])
            }
        } catch {
            complain("\(quoted(entry)) \(error.problem)")
        }
    }

    func told() -> [String] {
        untold == 0 ? problems : problems + ["\(name): and \(untold) more lines like these"]
    }

    private func range(_ text: String) throws(InvalidValue) -> [Network] {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { end in
            IPAddress(String(end).filter { $0 != " " && $0 != "\t" })
        }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first.isIPv4 == last.isIPv4,
            first.number <= last.number
        else {
            throw InvalidValue("is not a range", expected: "FIRST-LAST", example: "10.0.0.0-10.0.0.9")
        }
        return Network.covering(from: first, through: last)
    }

    private mutating func add(_ more: [Network]) {
        if networks.count + more.count > NetworkList.maximumNetworks {
            hasRoom = false
            problems.append("\(name):\(line): more than \(NetworkList.maximumNetworks) networks; the rest is not used")
        } else {
            networks += more
        }
    }

    private mutating func complain(_ problem: String) {
        if problems.count < NetworkList.maximumProblems {
            problems.append("\(name):\(line): \(problem)")
        } else {
            untold += 1
        }
    }

    /// The beginning of an entry, fit for a log whatever was in it.
    private func quoted(_ entry: ArraySlice<UInt8>) -> String {
        let most = 40
        let shown = entry.prefix(most).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
        return "\"\(String(decoding: shown, as: UTF8.self))\(entry.count > most ? "..." : "")\""
    }
}
