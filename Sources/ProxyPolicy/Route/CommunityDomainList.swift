/// The list of Cloudflare domains that other people lend: one name per line, some of them lightly encoded.
package enum CommunityDomainList {
    /// Longer texts are refused: the list has some tens of lines.
    package static let maximumBytes = 64 << 10
    /// Names beyond are left out: each costs a route per data center.
    package static let maximumNames = 200
    /// A shorter list is more likely a mistake than a list.
    package static let minimumNames = 3

    /// The names known when this version was made, decoded. Source: tg-ws-proxy's built-in list.
    package static let builtIn = [
        "pclead", "offshor", "cakeisalie", "noskomnadzor", "lovetrue", "sorokdva", "pyatdesyatdva", "kartoshka",
        "sorokodin", "pyatdesyatodin", "notelega", "ebally", "nebally", "havegreatday", "pomogite", "fixtelega",
        "sadnews", "onedaychamp", "stopblocking", "nothingthere",
    ].map { $0 + ".co.uk" }

    /// Undoes the encoding of one name.
    ///
    /// Source: observed in tg-ws-proxy. A name that ends in `.com` has every letter moved forward in the alphabet by
    /// the number of letters before the ending; decoded it ends in `.co.uk`. Other names stand for themselves.
    package static func decode(_ name: String) -> String {
        let bytes = Array(name.utf8)
        let ending = Array(".com".utf8)
        guard bytes.count > ending.count, bytes.suffix(ending.count).map(lowercase) == ending else { return name }
        let encoded = bytes.dropLast(ending.count)
        let shift = UInt8(truncatingIfNeeded: encoded.count(where: isLetter) % 26)
        let decoded = encoded.map { byte -> UInt8 in
            switch byte {
            case 0x41...0x5a: moveBack(byte, by: shift, from: 0x41)
            case 0x61...0x7a: moveBack(byte, by: shift, from: 0x61)
            default: byte
            }
        }
        return String(decoding: decoded, as: UTF8.self) + ".co.uk"
    }

    /// Reads a whole list: decoded, lower case, each name once, in the order of the text. Blank lines, comments (`#`)
    /// and lines that are no domain name are passed over.
    package static func parse(_ text: String) throws(CommunityDomainListError) -> [String] {
        guard text.utf8.count <= maximumBytes else { throw .tooLong }
        var names: [String] = []
        var seen: Set<String> = []
        for line in text.utf8.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d }) {
            guard names.count < maximumNames else { break }
            let trimmed = trim(line)
            guard let first = trimmed.first, first != UInt8(ascii: "#") else { continue }
            let name = decode(String(decoding: trimmed.map(lowercase), as: UTF8.self))
            if isDomainName(name), seen.insert(name).inserted { names.append(name) }
        }
        guard names.count >= minimumNames else { throw .tooFewNames(found: names.count) }
        return names
    }

    /// At most 253 bytes, two or more labels of 1 to 63 letters, digits and inner hyphens; the last one has at least
    /// two characters and a letter.
    package static func isDomainName(_ name: String) -> Bool {
        guard name.utf8.count <= 253 else { return false }
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.count >= 2, let last = labels.last, last.count >= 2, last.contains(where: isLetter) else {
            return false
        }
        let hyphen = UInt8(ascii: "-")
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen
                && label.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == hyphen }
        }
    }

    private static func moveBack(_ letter: UInt8, by shift: UInt8, from first: UInt8) -> UInt8 {
        first + (letter - first + 26 - shift) % 26
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
    }

    private static func trim(_ line: Substring.UTF8View) -> Substring.UTF8View {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        var line = line.drop(while: isBlank)
        while let last = line.last, isBlank(last) { line.removeLast() }
        return line
    }
}

/// Why a text is not taken as the community's list.
package enum CommunityDomainListError: Error, Equatable, CustomStringConvertible {
    case tooLong
    case tooFewNames(found: Int)

    package var description: String {
        switch self {
        case .tooLong: "the list is longer than \(CommunityDomainList.maximumBytes) bytes"
        case .tooFewNames(let found):
            "the list has \(found) valid names; expected at least \(CommunityDomainList.minimumNames)"
        }
    }
}
