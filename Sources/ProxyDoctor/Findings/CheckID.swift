/// What is looked at. The raw value is the check's stable name: on the command line, in JSON, and in docs/doctor.md.
package enum CheckID: String, Sendable, Codable, CaseIterable {
    case configuration = "config"
    case version
    case cipher
    case server
    case state
    case webClock = "clock.web"
    case middleProxyClock = "clock.middle-proxy"
    case resolver = "dns.resolver"
    case name = "dns.name"
    case dataCenter = "dc"
    case route = "dc.route"
    case middleProxyLists = "middle-proxy.lists"
    case middleProxyLink = "middle-proxy.link"
    case publicAddress = "address.public"
    case maskHost = "mask.host"
    case maskCertificate = "mask.certificate"
    case maskHello = "mask.hello"
    case maskAddress = "mask.address"
    case port = "listen.port"
    case firewall = "listen.firewall"
    case openFiles = "system.files"
    case memory = "system.memory"
    case kernel = "system.kernel"

    /// The heading under which people find it.
    package var group: Group {
        switch self {
        case .configuration, .version, .cipher, .server, .state: .program
        case .webClock, .middleProxyClock: .clock
        case .resolver, .name: .names
        case .dataCenter, .route: .dataCenters
        case .middleProxyLists, .middleProxyLink: .middleProxies
        case .publicAddress, .port, .firewall: .reachability
        case .maskHost, .maskCertificate, .maskHello, .maskAddress: .mask
        case .openFiles, .memory, .kernel: .system
        }
    }

    package enum Group: String, Sendable, CaseIterable {
        case program = "Martlet"
        case clock = "Clock"
        case names = "Names"
        case dataCenters = "Telegram's data centers"
        case middleProxies = "Middle proxies"
        case reachability = "How clients reach this machine"
        case mask = "What strangers see"
        case system = "This machine"
    }
}

/// Which checks are wanted.
package struct CheckSelection: Sendable, Equatable {
    private var ids: Set<CheckID>

    /// - Parameters:
    ///   - only: names of checks, or what stands before the dot of several: `dc` is `dc` and `dc.route`. Empty: all.
    ///   - skip: what is left out of these.
    /// - Throws: ``UnknownCheck`` for a name that none has.
    package init(only: [String] = [], skip: [String] = []) throws(UnknownCheck) {
        ids = only.isEmpty ? Set(CheckID.allCases) : try Self.named(only)
        ids.subtract(try Self.named(skip))
    }

    package func has(_ id: CheckID) -> Bool { ids.contains(id) }

    private static func named(_ names: [String]) throws(UnknownCheck) -> Set<CheckID> {
        var found: Set<CheckID> = []
        for name in names {
            let these = CheckID.allCases.filter { $0.rawValue == name || $0.rawValue.hasPrefix("\(name).") }
            guard !these.isEmpty else { throw UnknownCheck(name: name) }
            found.formUnion(these)
        }
        return found
    }
}

package struct UnknownCheck: Error, Equatable {
    package var name: String
}
