/// The kernel's settings that bound a public server.
enum KernelVerdict {
    static let names = [
        "net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem", "net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_count",
        "vm.overcommit_memory",
    ]

    /// What a listener asks for: connections that wait to be accepted.
    private static let backlog = 4_096
    /// Connections amid TCP's handshake; beyond them the kernel answers with cookies, or not at all.
    private static let halfOpen = 1_024
    /// Windows below this bound the speed over long distances: 1 MiB is 80 Mbit/s at 100 ms.
    private static let smallWindow = 1 << 20

    /// - Parameters:
    ///   - settings: what the files of these names hold; a missing one is passed over.
    ///   - connections: clients at once.
    static func findings(_ settings: [String: String], connections: Int) -> [Finding] {
        names.compactMap { name -> Finding? in
            let numbers = (settings[name] ?? "").split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
            guard let first = numbers.first, let last = numbers.last else { return nil }
            switch name {
            case "net.core.somaxconn":
                return atLeast(backlog, first, name, "In a rush, newcomers are dropped before the server sees them.")
            case "net.ipv4.tcp_max_syn_backlog":
                return atLeast(halfOpen, first, name, "In a rush, newcomers are dropped before the server sees them.")
            case "net.ipv4.ip_local_port_range": return ports(first, last, name, connections)
            case "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem": return window(numbers, name)
            case "net.netfilter.nf_conntrack_max":
                return tracking(first, settings["net.netfilter.nf_conntrack_count"], name, connections)
            case "vm.overcommit_memory": return overcommit(first, name)
            default: return nil
            }
        }
    }

    private static func atLeast(_ wanted: Int, _ value: Int, _ name: String, _ why: String) -> Finding {
        let measured = ["value": Double(value)]
        guard value < wanted else { return .pass(.kernel, name, "\(value)", measured: measured) }
        return .trouble(
            .warn, .kernel, name, "\(value)", because: why, advice: "raise it",
            commands: [set(name, "\(backlog)")], measured: measured)
    }

    /// Each client has an upstream of its own; those of one data center share its address and differ by our port.
    private static func ports(_ low: Int, _ high: Int, _ name: String, _ connections: Int) -> Finding {
        let count = max(high - low + 1, 0)
        let measured = ["low": Double(low), "high": Double(high)]
        let value = "\(low) to \(high): \(count) ports"
        guard connections > count, count < 60_000 else { return .pass(.kernel, name, value, measured: measured) }
        return .trouble(
            .warn, .kernel, name, value,
            because: "Each client needs a port towards Telegram, and up to \(connections) clients may come.",
            advice: "let the system use more of them", commands: [set(name, "1024 65535")], measured: measured)
    }

    private static func window(_ numbers: [Int], _ name: String) -> Finding {
        let most = numbers.last ?? 0
        let value = "at most \(Figures.bytes(most))"
        guard most < smallWindow else { return .pass(.kernel, name, value, measured: ["value": Double(most)]) }
        return .trouble(
            .warn, .kernel, name, value, because: "Small windows make downloads slow over long distances.",
            advice: "allow more", commands: [set(name, "4096 131072 6291456")], measured: ["value": Double(most)])
    }

    /// Every client is two tracked connections where the packet filter looks at all of them.
    private static func tracking(_ most: Int, _ count: String?, _ name: String, _ connections: Int) -> Finding {
        let now = count.flatMap { Int($0.filter { !$0.isWhitespace }) } ?? 0
        let value = "\(now) of \(most) in use"
        let measured = ["max": Double(most), "count": Double(now)]
        let isFull = now > most - most / 5
        guard isFull || most / 2 < connections else {
            return .pass(.kernel, name, value, measured: measured)
        }
        return .trouble(
            .warn, .kernel, name, value,
            because: isFull
                ? "When the table is full, packets of new connections are dropped."
                : "Each client is two tracked connections, and up to \(connections) clients may come.",
            advice: "make the table larger", commands: [set(name, "\(max(262_144, 2 * most))")], measured: measured)
    }

    private static func overcommit(_ value: Int, _ name: String) -> Finding {
        guard value == 2 else { return .pass(.kernel, name, "\(value)", measured: ["value": Double(value)]) }
        return .trouble(
            .warn, .kernel, name, "2",
            because: "The system refuses memory that is only reserved; the server may fail to start or to grow.",
            advice: "let the system decide", commands: [set(name, "0")], measured: ["value": 2])
    }

    private static func set(_ name: String, _ value: String) -> String {
        value.contains(" ") ? "sysctl -w \(name)='\(value)'" : "sysctl -w \(name)=\(value)"
    }
}
