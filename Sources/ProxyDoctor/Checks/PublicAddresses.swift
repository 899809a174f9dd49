import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy

/// As what address the world sees this machine, as the engine finds it.
struct PublicAddresses: Sendable, Equatable {
    enum Source: Sendable, Equatable {
        /// The socket's own address is one that hosts elsewhere can reach.
        case own
        case configured
        /// So many services agree.
        case services(Int)
        /// Nothing says it.
        case unknown
    }

    struct Entry: Sendable, Equatable {
        /// What sockets have on their way out.
        var local: IPAddress
        /// nil: not known.
        var global: IPAddress?
        var source: Source
    }

    /// Of this machine's interfaces, loopback among them.
    var own: Set<IPAddress> = []
    /// One per family that has a way out.
    var entries: [Entry] = []

    /// Somewhere in the Internet, for the system to choose a way there; nothing is sent.
    private static let elsewhere = [IPAddress("149.154.167.51"), IPAddress("2001:67c:4e8:f002::a")].compactMap { $0 }
    /// So many services have to agree, as for the engine: one may be behind a cache or a proxy.
    private static let votesNeeded = 2

    /// The address of a family's way out as the world sees it; nil: not known.
    func global(of local: IPAddress) -> IPAddress? { entries.first { $0.local == local }?.global }

    /// Everything that leads here, from here or from elsewhere.
    var all: Set<IPAddress> { own.union(entries.compactMap(\.global)) }

    static func find(_ patient: Patient) async -> PublicAddresses {
        var result = PublicAddresses()
        let devices = (try? System.enumerateDevices()) ?? []
        result.own = Set(devices.compactMap { $0.address?.ipAddress }.compactMap { IPAddress($0) })
        let known = OwnAddresses(patient.configuration.middleProxy)
        for peer in elsewhere {
            guard let local = PublicAddress.localAddress(towards: peer) else { continue }
            if let global = known.global(of: local, towards: peer) {
                result.entries.append(Entry(local: local, global: global, source: global == local ? .own : .configured))
            } else {
                result.entries.append(await ask(local, patient))
            }
        }
        return result
    }

    private static func ask(_ local: IPAddress, _ patient: Patient) async -> Entry {
        let configuration = patient.configuration
        let services = configuration.middleProxy.addressServices
        // Nobody is told that this machine exists where nothing depends on the answer.
        guard configuration.isPublic || patient.usesMiddleProxies else {
            return Entry(local: local, global: nil, source: .unknown)
        }
        let limit = patient.timeout
        let answers = await sideBySide(services, atMost: 8) { service in
            let result = await WebPage.fetch(
                service, caFile: configuration.connect.caFile, dial: configuration.routes.dialOverrides, within: limit)
            return (try? result.get()).flatMap { page in page.status == 200 ? address(page.body, like: local) : nil }
        }
        return elect(answers, services: services.count, local: local)
    }

    /// The address in a service's answer.
    static func address(_ body: [UInt8], like local: IPAddress) -> IPAddress? {
        let words = String(decoding: body.prefix(256), as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 1, let address = IPAddress(words[0]), address.isGlobal, address.isIPv4 == local.isIPv4
        else { return nil }
        return address
    }

    static func elect(_ answers: [IPAddress?], services: Int, local: IPAddress) -> Entry {
        var votes: [IPAddress: Int] = [:]
        for address in answers { if let address { votes[address, default: 0] += 1 } }
        let needed = max(min(votesNeeded, services), 1)
        guard let (address, count) = votes.max(by: { $0.value < $1.value }), count >= needed else {
            return Entry(local: local, global: nil, source: .unknown)
        }
        return Entry(local: local, global: address, source: .services(count))
    }

    // MARK: Verdict

    func findings(_ patient: Patient) -> [Finding] {
        guard patient.configuration.isPublic || patient.usesMiddleProxies else {
            return [.skipped(.publicAddress, nil, "clients are on this machine, and nothing depends on it")]
        }
        guard !entries.isEmpty else {
            return [
                .trouble(
                    .warn, .publicAddress, "no way out", because: "This machine has no route to the Internet.",
                    advice: "look at its network", commands: ["ip route", "ip -6 route"])
            ]
        }
        let wanted = entries.filter { patient.usesFamily(of: $0.local) }
        guard !wanted.isEmpty else {
            return [.skipped(.publicAddress, "nobody comes or goes by the addresses there are")]
        }
        return wanted.map { Self.finding($0, patient) }
    }

    private static func finding(_ entry: Entry, _ patient: Patient) -> Finding {
        let subject = entry.local.isIPv4 ? "IPv4" : "IPv6"
        guard let global = entry.global else {
            let option = entry.local.isIPv4 ? "--public-address 203.0.113.5" : "--public-address-v6 2001:db8::5"
            return .trouble(
                .warn, .publicAddress, subject, "not known; sockets have \(entry.local)",
                because: patient.usesMiddleProxies
                    ? "It is part of the keys of every link to a middle proxy: without it they are refused."
                    : "This machine is behind a NAT; links have to name the address outside.",
                advice: "say it (middle_proxy.public_address), and where links lead (link.server)",
                commands: ["martlet run \(option)"])
        }
        switch entry.source {
        case .own, .unknown: return .pass(.publicAddress, subject, "\(global), this machine's own")
        case .configured: return .pass(.publicAddress, subject, "\(global), as configured; sockets have \(entry.local)")
        case .services(let count):
            return .pass(
                .publicAddress, subject,
                "\(global), as \(Figures.count(count, "service")) say; behind a NAT with \(entry.local): its port must be"
                    + " forwarded here")
        }
    }
}

extension Patient {
    /// Whether clients come to, or links to middle proxies leave from, addresses of this family.
    fileprivate func usesFamily(of address: IPAddress) -> Bool {
        let listens = configuration.allListeners.contains { listener in
            guard case .tcp(let host, _) = listener.place, !host.isLoopback else { return false }
            // `::` takes both.
            return host.isIPv4 == address.isIPv4 || (host.isIPv6 && host.isUnspecified)
        }
        let family = configuration.middleProxy.family
        return listens || (usesMiddleProxies && family != (address.isIPv4 ? .ipv6 : .ipv4))
    }
}
