/// One header line.
package struct HTTPField: Sendable, Equatable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A request line and its headers, exactly as they came.
package struct HTTPRequest: Sendable, Equatable {
    package var method = ""
    /// Path and query.
    package var target = ""
    package var version = ""
    /// In the order of the wire.
    package var fields: [HTTPField] = []

    /// The value of the first header with this name, whatever its case.
    package subscript(_ name: String) -> String? {
        fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The target up to its question mark.
    package var path: String { String(target.prefix { $0 != "?" }) }

    /// The parameters behind the question mark, not decoded.
    package var query: [String: String] {
        var query: [String: String] = [:]
        guard let mark = target.firstIndex(of: "?") else { return query }
        for pair in target[mark...].dropFirst().split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1)
            if let name = sides.first { query[String(name)] = sides.count > 1 ? String(sides[1]) : "" }
        }
        return query
    }

    /// Parses a request head without its final blank line.
    init(parsing text: String) throws {
        var lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)[...]
        let parts = (lines.popFirst() ?? "").split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[2].hasPrefix("HTTP/") else {
            throw KitError.violation("not a request line: \(text.prefix(80))")
        }
        (method, target, version) = (String(parts[0]), String(parts[1]), String(parts[2]))
        for line in lines {
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
                throw KitError.violation("not a header line: \(line)")
            }
            let value = line[colon...].dropFirst()
            fields.append(HTTPField(String(line[..<colon]), String(value.trimmingBlanks)))
        }
    }
}

extension Substring {
    var trimmingBlanks: Substring {
        var text = self
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
