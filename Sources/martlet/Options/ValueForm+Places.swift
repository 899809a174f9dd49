import MTProtoWire
import ProxyPolicy

/// An address of one data center, as `DC:ADDRESS[:PORT]` says it.
struct DataCenterAddress: Hashable, Sendable {
    var dataCenter: Int
    var target: SocketTarget
}

extension ValueForm where Value == IPAddress {
    /// An address to bind; brackets around IPv6 and the name `localhost` are understood.
    static var listenAddress: Self {
        Self(placeholder: "ADDRESS") { text, _ throws(InvalidValue) in
            if text.lowercased() == "localhost" { return IPAddress(v4: 0x7F00_0001) }
            let bare = text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
            guard let address = IPAddress(bare) else {
                throw InvalidValue(
                    "is not an IP address",
                    expected: "127.0.0.1 for this machine alone, 0.0.0.0 or :: for every network, or one address"
                )
            }
            return address
        } print: {
            $0.description
        }
    }
}

extension ValueForm where Value == Network {
    static var network: Self {
        Self(placeholder: "NETWORK") { text, _ throws(InvalidValue) in
            try Network(parsing: text)
        } print: {
            $0.description
        }
    }
}

extension ValueForm where Value == DataCenterAddress {
    static var dataCenterAddress: Self {
        Self(placeholder: "DC:ADDRESS[:PORT]", parse: parseDataCenterAddress) { value in
            let port = value.target.port == BuiltInAddresses.port ? nil : value.target.port
            if let port { return "\(value.dataCenter):\(SocketTarget(host: value.target.host, port: port))" }
            return "\(value.dataCenter):\(value.target.host)"
        }
    }

    @Sendable
    private static func parseDataCenterAddress(
        _ text: String,
        _ context: inout ValueContext
    ) throws(InvalidValue) -> Value {
        func invalid(_ problem: String) -> InvalidValue {
            InvalidValue(problem, expected: "DC:ADDRESS[:PORT]", example: "2:149.154.167.220")
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw invalid("names no data center") }
        guard parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let dataCenter = Int(parts[0]),
            (1...9_999).contains(dataCenter)
        else { throw invalid("does not begin with a data center's number") }

        let place = String(parts[1])
        if let address = IPAddress(place) {
            return Value(dataCenter: dataCenter, target: .init(host: "\(address)", port: BuiltInAddresses.port))
        }
        let target: SocketTarget
        do throws(SocketTargetError) {
            target = try SocketTarget(parsing: place, defaultPort: BuiltInAddresses.port)
        } catch .invalidPort {
            throw invalid("has a port that is not a number from 1 to 65535")
        } catch {
            throw invalid("is not an IP address")
        }
        guard let address = IPAddress(target.host) else { throw invalid("is not an IP address") }
        return Value(dataCenter: dataCenter, target: .init(host: "\(address)", port: target.port))
    }
}

extension ValueForm where Value == SocketTarget {
    /// A name or address, and a port that is 443 when left out.
    static var socketTarget: Self {
        Self(placeholder: "HOST[:PORT]") { text, _ throws(InvalidValue) in
            do {
                return try SocketTarget(parsing: text, defaultPort: 443)
            } catch {
                throw InvalidValue("is not a place to connect to: \(error)", example: "127.0.0.1:8443")
            }
        } print: {
            $0.description
        }
    }
}

/// A Cloudflare domain or Worker and the address dialled for it.
struct DialOverride: Hashable, Sendable {
    var name: String
    var target: SocketTarget
}

extension ValueForm where Value == DialOverride {
    static var dialOverride: Self {
        Self(placeholder: "NAME=HOST:PORT") { text, context throws(InvalidValue) in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw InvalidValue(
                    "has no =",
                    expected: "NAME=HOST:PORT",
                    example: "example.com=203.0.113.5:443"
                )
            }
            let name = try ValueForm<String>.domain.parse(String(parts[0]), &context)
            let target = try ValueForm<SocketTarget>.socketTarget.parse(String(parts[1]), &context)
            return DialOverride(name: name, target: target)
        } print: {
            "\($0.name)=\($0.target)"
        }
    }
}

extension ValueForm where Value == String {
    /// A host name, in lower case. What people paste from a browser (`https://name/`) is reduced to the name.
    static var domain: Self {
        Self(placeholder: "DOMAIN", parse: parseDomain) { $0 }
    }

    @Sendable
    private static func parseDomain(_ text: String, _ context: inout ValueContext) throws(InvalidValue) -> String {
        var name = text[...]
        if let scheme = name.firstRange(of: "://") { name = name[scheme.upperBound...] }
        if let slash = name.firstIndex(of: "/") { name = name[..<slash] }
        if name.hasSuffix(".") { name = name.dropLast() }
        if name.utf8.count < text.utf8.count - (text.hasSuffix(".") ? 1 : 0) {
            context.notes.append("\(quoted(text)) was taken as the host name \(quoted(String(name)))")
        }
        guard name.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw InvalidValue(
                "has letters outside ASCII",
                expected: "the name as it stands in DNS",
                example: "xn--e1afmkfd.example"
            )
        }
        guard IPAddress(name) == nil else {
            throw InvalidValue("is an address", expected: "a host name", example: "example.com")
        }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard name.utf8.count <= 253, labels.allSatisfy({ isLabel($0) }) else {
            throw InvalidValue(
                "is not a host name", expected: "a name without scheme, port or path", example: "example.com")
        }
        return name.lowercased()
    }

    /// Letters, digits, hyphens and underscores; 1 to 63 of them; no hyphen at either end.
    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
                default: false
                }
            }
    }

    /// The host name of a FakeTLS secret.
    static var secretDomain: Self {
        Self(placeholder: "DOMAIN") { text, context throws(InvalidValue) in
            let name = try parseDomain(text, &context)
            guard ProxySecret.isValidDomain(name) else {
                throw InvalidValue(
                    "cannot stand in a FakeTLS secret",
                    expected:
                        "a host name of at most \(ProxySecret.maximumDomainLength) letters, digits, hyphens and dots"
                )
            }
            return name
        } print: {
            $0
        }
    }

    /// What a link names: a host name or an address, without port.
    static var linkServer: Self {
        Self(placeholder: "HOST") { text, context throws(InvalidValue) in
            let bare = text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
            if let address = IPAddress(bare) { return address.description }
            return try parseDomain(text, &context)
        } print: {
            $0
        }
    }

    static var url: Self { url(or: nil) }

    /// - Parameter word: what may stand instead of an address, for the message.
    static func url(or word: String?) -> Self {
        Self(placeholder: "URL") { text, _ throws(InvalidValue) in
            guard let scheme = text.firstRange(of: "://"), ["https", "http"].contains(text[..<scheme.lowerBound]),
                scheme.upperBound < text.endIndex, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                let other = word.map { ", or \($0)" } ?? ""
                throw InvalidValue("is not an address of a web page", expected: "https://…\(other)")
            }
            return text
        } print: {
            $0
        }
    }

    /// A path, made absolute: `~/` is the home directory, others start at the context's directory.
    static var path: Self {
        Self(placeholder: "PATH") { text, context throws(InvalidValue) in
            guard !text.isEmpty, !text.utf8.contains(0) else { throw InvalidValue("is not a path") }
            if text.hasPrefix("/") { return text }
            if text.hasPrefix("~/"), let home = context.home { return home + text.dropFirst() }
            let relative = text.hasPrefix("./") ? text.dropFirst(2) : text[...]
            return context.directory == "/" ? "/\(relative)" : "\(context.directory)/\(relative)"
        } print: {
            $0
        }
    }
}

extension StringProtocol {
    /// The first place of a text within this one.
    fileprivate func firstRange(of needle: String) -> Range<Index>? {
        indices.lazy.compactMap { start -> Range<Index>? in
            guard self[start...].hasPrefix(needle) else { return nil }
            return start..<self.index(start, offsetBy: needle.count)
        }.first
    }
}
