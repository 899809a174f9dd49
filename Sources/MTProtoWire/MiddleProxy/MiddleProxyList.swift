/// Telegram's list of middle proxies: which of them lead to which data center.
///
/// Served as text at core.telegram.org/getProxyConfig and, for IPv6, getProxyConfigV6. Shape: words, numbers and marks
/// with blanks between them and comments from `#` to the line's end; statements, each with `;` at its end:
///
///     default 2;                      the cluster for data centers without their own
///     proxy_for -2 192.0.2.1:8888;    a middle proxy of cluster -2; the address as name, IPv4 or [IPv6]
///     proxy 192.0.2.1:8888;           the same for cluster 0
///     min_connections 4;  max_connections 8;  timeout 1000;
///
/// All proxies of a cluster stand together. A list with any error is refused whole: half of one would send clients to
/// wrong data centers. Limits are those of Telegram's own proxy. Names are looked up by nobody here.
package struct MiddleProxyList: Sendable, Equatable {
    /// The most bytes of the text.
    package static let maximumLength = 16 << 20
    package static let maximumClusters = 1024
    /// The most targets, all clusters together.
    package static let maximumTargets = 4096
    /// The most characters of a host.
    package static let maximumHostLength = 63
    /// The most connections that a list may ask for.
    package static let maximumConnections = 1000

    /// Targets by the signed data-center number that a client names, in the order of the text; never an empty list.
    package private(set) var clusters: [Int: [MiddleProxyTarget]] = [:]
    /// The cluster for numbers that have none; it need not exist.
    package private(set) var defaultCluster = 0
    /// How many links to a target the list asks for, as its last statement about that says.
    package private(set) var minConnections = 4
    package private(set) var maxConnections = 8

    /// Reads the whole text.
    ///
    /// - Parameter file: what errors call the text: a path or a URL.
    package init(parsing text: some Collection<UInt8>, file: String) throws(MiddleProxyListError) {
        guard text.count <= Self.maximumLength else {
            throw MiddleProxyListError(
                file: file, line: 1, problem: "\(text.count) bytes", expected: "at most \(Self.maximumLength)", near: ""
            )
        }
        var scanner = MiddleProxyListScanner(text: Array(text), file: file)
        var current: Int?
        var targets = 0
        while let statement = try scanner.nextStatement() {
            switch statement.value {
            case "proxy":
                try add(to: 0, current: &current, &targets, &scanner, at: statement)
            case "proxy_for":
                let cluster = try scanner.number(-32_768...32_767, "a data center's number").value
                try scanner.blank()
                try add(to: cluster, current: &current, &targets, &scanner, at: statement)
            case "default":
                defaultCluster = try scanner.number(-32_768...32_767, "a data center's number").value
            case "min_connections":
                minConnections = try scanner.number(1...maxConnections, "1 to max_connections (\(maxConnections))")
                    .value
            case "max_connections":
                maxConnections = try scanner.number(
                    minConnections...Self.maximumConnections,
                    "min_connections (\(minConnections)) to \(Self.maximumConnections)"
                ).value
            case "timeout":
                // Milliseconds; Telegram's own proxy reads it and never uses it either.
                _ = try scanner.number(10...30_000, "10 to 30000")
            default:
                throw scanner.error(at: statement.offset, "unknown statement", "'proxy <ip>:<port>;'")
            }
            try scanner.semicolon()
        }
        guard targets > 0 else { throw scanner.error("no middle proxies", "'proxy <ip>:<port>;'") }
    }

    /// The same with text.
    package init(parsing text: some StringProtocol, file: String) throws(MiddleProxyListError) {
        try self.init(parsing: Array(text.utf8), file: file)
    }

    /// Where to go for the number that a client names: its cluster, else the default one, else nowhere.
    package func targets(for wire: Int16) -> [MiddleProxyTarget]? {
        clusters[Int(wire)] ?? clusters[defaultCluster]
    }

    /// Reads one target.
    private mutating func add(
        to cluster: Int, current: inout Int?, _ targets: inout Int, _ scanner: inout MiddleProxyListScanner,
        at statement: MiddleProxyListScanner.Token<String>
    ) throws(MiddleProxyListError) {
        let target = try scanner.target()
        if current != cluster {
            guard clusters[cluster] == nil else {
                throw scanner.error(
                    at: statement.offset, "proxies for dc \(cluster) intermixed", "all proxies of a cluster together")
            }
            guard clusters.count < Self.maximumClusters else {
                throw scanner.error(at: statement.offset, "too many clusters", "at most \(Self.maximumClusters)")
            }
            current = cluster
        }
        guard targets < Self.maximumTargets else {
            throw scanner.error(at: statement.offset, "too many proxies", "at most \(Self.maximumTargets)")
        }
        targets += 1
        clusters[cluster, default: []].append(target)
    }
}
