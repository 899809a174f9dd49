import MTProtoWire
import NIOCore
import NIOPosix
import ProxyEngine
import ProxyPolicy
import ProxyStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The places where clients connect: whether they can be had, and whether packets get there.
struct ListeningCheck {
    /// Who has a port.
    enum Holding: Sendable, Equatable {
        case nobody
        /// The server of the same state directory.
        case server
        /// systemd, which hands it to the server that it starts.
        case manager
        /// Another program, where it can be told; with its name and process id.
        case other(String?)
    }

    /// Addresses of this machine that are tried per place.
    private static let addressesAtMost = 6
    /// On this machine an answer takes less than a millisecond.
    private static let patience = Duration.seconds(3)

    let patient: Patient
    let addresses: Once<PublicAddresses>
    /// Whether packets are sent as well.
    let looksThrough: Bool

    func findings() async -> [Finding] {
        var findings: [Finding] = []
        for place in patient.configuration.allListeners.map(\.place) {
            switch place {
            case .tcp(let host, let port): findings += await tcp(host, port, place)
            case .unix(let path, _): findings.append(Self.unix(path, place, isRunning: patient.server.status != nil))
            }
        }
        return findings
    }

    private func tcp(_ host: IPAddress, _ port: Int, _ place: ListenPlace) async -> [Finding] {
        let subject = place.description
        guard port != 0 else {
            return [.skipped(.port, subject, "the system chooses a port"), .skipped(.firewall, subject, "no port yet")]
        }
        do {
            // Nobody is served here: the socket only shows whether packets arrive.
            let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(to: try SocketAddress(ipAddress: host.description, port: port)).get()
            let through = await through(host, port, subject)
            try? await listener.close().get()
            return [PortVerdict.finding(subject, .nobody, server: patient.server), through].compactMap { $0 }
        } catch {
            let number = (error as? IOError)?.errnoCode ?? 0
            guard number == EADDRINUSE else {
                return [
                    PortVerdict.finding(subject, errno: number),
                    .skipped(.firewall, subject, "cannot listen there"),
                ]
            }
            let holding = await holding(port)
            let port = PortVerdict.finding(subject, holding, server: patient.server)
            guard holding == .server else {
                return [port, .skipped(.firewall, subject, "another program has the port")]
            }
            return [port, await through(host, place.port, subject)].compactMap { $0 }
        }
    }

    private func holding(_ port: Int) async -> Holding {
        let owners = await withCheckedContinuation { continuation in
            BackgroundThread.run { continuation.resume(returning: PortOwner.find(port)) }
        }
        if let status = patient.server.status, owners.isEmpty || owners.contains(where: { $0.process == status.pid }) {
            return .server
        }
        if owners.contains(where: { $0.process == 1 }) { return .manager }
        return .other(owners.first.map { "\($0.name) (process \($0.process))" })
    }

    // MARK: Through

    /// Connects to the port from this machine, by every address of its own.
    private func through(_ host: IPAddress, _ port: Int, _ subject: String) async -> Finding? {
        guard looksThrough else { return nil }
        let own = await addresses.value
        let targets = Self.targets(host, own)
        let results = await sideBySide(targets, atMost: 8) { address -> RouteFailure? in
            do {
                let place = SocketTarget(host: address.description, port: port)
                try await Conversation.open(place, within: min(patient.timeout, Self.patience)).close()
                return nil
            } catch {
                return RouteFailure(classifying: error)
            }
        }
        return PortVerdict.through(
            subject, port, Array(zip(targets, results)), reflected: await reflected(host, port, own))
    }

    /// Connects by the address outside of a NAT. Many NATs do not take that back in, so that failing means nothing.
    private func reflected(_ host: IPAddress, _ port: Int, _ addresses: PublicAddresses) async -> IPAddress? {
        let outside = addresses.entries.first { $0.local.isIPv4 == host.isIPv4 }?.global
        guard let outside, host.isUnspecified, !addresses.own.contains(outside) else { return nil }
        let place = SocketTarget(host: outside.description, port: port)
        guard let through = try? await Conversation.open(place, within: min(patient.timeout, Self.patience)) else {
            return nil
        }
        through.close()
        return outside
    }

    /// The addresses of a place that can be tried from this machine.
    static func targets(_ host: IPAddress, _ addresses: PublicAddresses) -> [IPAddress] {
        guard host.isUnspecified else { return [host] }
        let loopback = host.isIPv4 ? IPAddress("127.0.0.1") : IPAddress("::1")
        let others = addresses.own.filter { address in
            guard !address.isLoopback, !host.isIPv4 || address.isIPv4 else { return false }
            // Link-local ones need a zone.
            return address.isIPv4 || address.high >> 54 != 0x3fa
        }
        // Those that others can reach first.
        let sorted = others.sorted { ($0.isGlobal ? 0 : 1, $0.description) < ($1.isGlobal ? 0 : 1, $1.description) }
        return Array(([loopback].compactMap { $0 } + sorted).prefix(addressesAtMost))
    }

    // MARK: Unix sockets

    private static func unix(_ path: String, _ place: ListenPlace, isRunning: Bool) -> Finding {
        let subject = place.description
        let directory = "/" + path.split(separator: "/").dropLast().joined(separator: "/")
        guard access(directory, W_OK | X_OK) == 0 else {
            return .trouble(
                .fail, .port, subject, "cannot be made", because: "\(directory) is not there, or not writable.",
                advice: "make it for the account of the server", commands: ["install -d -o martlet \(directory)"])
        }
        return .pass(.port, subject, isRunning && access(path, F_OK) == 0 ? "there" : "can be made")
    }
}

extension ListenPlace {
    fileprivate var port: Int { if case .tcp(_, let port) = self { port } else { 0 } }
}

/// What a try to listen, and to connect, means.
enum PortVerdict {
    static func finding(_ subject: String, _ holding: ListeningCheck.Holding, server: ServerReach) -> Finding {
        switch holding {
        case .server:
            let process = server.status.map { " (process \($0.pid))" } ?? ""
            return .pass(.port, subject, "held by the running server\(process)")
        case .manager: return .pass(.port, subject, "held by systemd, which hands it to the server")
        case .nobody:
            guard server.status != nil else { return .pass(.port, subject, "free") }
            return .trouble(
                .warn, .port, subject, "free, although the server runs",
                because: "The running server listens elsewhere: it was started with another configuration.",
                advice: "restart it", commands: ["systemctl restart martlet"])
        case .other(let owner):
            return .trouble(
                .fail, .port, subject, "taken by \(owner ?? "another program")",
                because: "Two programs cannot have one port.",
                advice: "stop that program, or choose another port (listen.port)",
                commands: ["ss -ltnp 'sport = :\(subject.split(separator: ":").last ?? "")'"])
        }
    }

    static func finding(_ subject: String, errno number: CInt) -> Finding {
        switch number {
        case EACCES, EPERM:
            .trouble(
                .fail, .port, subject, "not permitted", because: "Ports below 1024 need a right of their own.",
                advice: "give the program that right, or choose a higher port",
                commands: [
                    "setcap cap_net_bind_service=+ep $(command -v martlet)",
                    "sysctl -w net.ipv4.ip_unprivileged_port_start=443",
                ])
        case EADDRNOTAVAIL:
            .trouble(
                .fail, .port, subject, "not an address of this machine",
                because: "Only its own addresses can be listened on.",
                advice: "listen on one of its own, or on all of them with --host 0.0.0.0", commands: ["ip -br address"])
        default:
            .trouble(
                .fail, .port, subject, "cannot be listened on: \(String(cString: strerror(number)))",
                because: "The system refuses it.", advice: "look at listen.host and listen.port")
        }
    }

    /// - Parameters:
    ///   - results: each address with why it could not be connected.
    ///   - reflected: an address outside of a NAT that leads here, seen from here.
    static func through(
        _ subject: String, _ port: Int, _ results: [(IPAddress, RouteFailure?)], reflected: IPAddress? = nil
    ) -> Finding {
        let blocked = results.filter { $0.1 != nil }
        guard let (address, failure) = blocked.first, let failure else {
            let outside = reflected.map { ", and \($0) through the NAT" } ?? ""
            return .pass(
                .firewall, subject,
                "\(results.map(\.0.description).joined(separator: ", ")) can be connected\(outside)",
                measured: ["addresses": Double(results.count)])
        }
        let isLoopback = address.isLoopback
        let names = blocked.prefix(3).map { "\($0.0)" }.joined(separator: ", ")
        let lost = { if case .timedOut = failure { true } else { false } }()
        return .trouble(
            .fail, .firewall, subject, "\(names): \(lost ? "packets are lost" : failure.words)",
            because: "A packet filter of this machine \(lost ? "drops" : "rejects") connections to port \(port)"
                + "\(isLoopback ? ", even its own" : "").",
            advice: "let TCP to port \(port) in",
            commands: [
                "nft list ruleset | grep -n -e drop -e reject -e \(port)", "ufw allow \(port)/tcp",
                "firewall-cmd --permanent --add-port=\(port)/tcp && firewall-cmd --reload",
            ], measured: ["addresses": Double(results.count), "blocked": Double(blocked.count)])
    }
}
