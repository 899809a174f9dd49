import MTProtoWire
package import ProxyPolicy

/// Listening sockets that somebody else has made: the service manager, or the server before this one.
package struct InheritedSockets: Sendable {
    package enum Origin: Sendable {
        /// Everything that it passes has to have a place in the configuration.
        case serviceManager
        /// Places may have gone from the configuration since.
        case predecessor
    }

    package var sockets: [ListeningSocket]
    package var origin: Origin

    package init(_ sockets: [ListeningSocket], from origin: Origin) {
        self.sockets = sockets
        self.origin = origin
    }

    package static let none = InheritedSockets([], from: .predecessor)

    /// Which sockets belong to which of the configured places, by address and port or by path; what is left belongs to
    /// none.
    ///
    /// A configured port 0 goes on with the port that the server before had on the same address.
    ///
    /// - Throws: ``ProxyError`` when the service manager's sockets and the configuration do not fit.
    package func assigned(
        to places: [ListenPlace]
    ) throws(ProxyError) -> (byPlace: [[ListeningSocket]], left: [ListeningSocket]) {
        var left = sockets
        var byPlace = [[ListeningSocket]](repeating: [], count: places.count)
        func take(_ index: Int, where fits: (ListenPlace) -> Bool) {
            byPlace[index] += left.filter { fits($0.place) }
            left.removeAll { fits($0.place) }
        }
        for (index, place) in places.enumerated() { take(index) { $0.isSame(as: place) } }
        if origin == .predecessor {
            for case (let index, .tcp(let host, port: 0)) in places.enumerated() {
                let first = left.first { if case .tcp(host, _) = $0.place { true } else { false } }
                if let first { take(index) { $0.isSame(as: first.place) } }
            }
        } else if let stray = left.first {
            let given = sockets.map(\.place.description).joined(separator: ", ")
            let wanted = places.map(\.description).joined(separator: ", ")
            throw ProxyError(
                code: .cannotListen,
                message: "the service manager passes \(given), and the configuration listens on \(wanted)",
                hint:
                    "name \(stray.place) in the configuration, or give the socket unit the same addresses; port 0 fits none"
            )
        }
        return (byPlace, left)
    }
}

extension ListenPlace {
    /// Whether both are one place: permissions of a file do not count.
    func isSame(as other: ListenPlace) -> Bool {
        switch (self, other) {
        case (.tcp, .tcp): self == other
        case (.unix(let path, _), .unix(let wanted, _)): path == wanted
        default: false
        }
    }
}
