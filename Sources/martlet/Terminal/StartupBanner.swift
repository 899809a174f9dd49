import MTProtoWire
import ProxyPolicy

/// What a person sees when the proxy is ready: links, a QR code, and which routes there are.
struct StartupBanner: Sendable {
    /// Whether to draw a QR code.
    enum QRChoice: Sendable {
        /// When stdout is a terminal.
        case automatic
        case always
        case never
    }

    /// More links than a screen holds help nobody.
    private static let linksAtMost = 5

    var place: String
    var links: LinkPart
    var routes: [RouteReadiness]

    /// The whole text, without a line break at its end.
    var text: String {
        let routes = (["Routes to Telegram:"] + Self.routeLines(routes)).joined(separator: "\n")
        var links = links
        links.atMost = Self.linksAtMost
        return ["Martlet is ready on \(place).", links.text, routes].filter { !$0.isEmpty }.joined(separator: "\n\n")
            + "\n"
    }

    /// One line per kind of route.
    static func routeLines(_ routes: [RouteReadiness]) -> [String] {
        let width = routes.map(\.kind.rawValue.count).max() ?? 0
        return routes.map { route in
            let name = route.kind.rawValue
            let padding = String(repeating: " ", count: width - name.count)
            return "  \(name)\(padding)  \(route.isReady ? "ready" : "off  ")  \(LogText.withoutControls(route.detail))"
        }
    }
}

extension StartupBanner {
    /// The links, the QR code of the first one, and a remark when they reach this machine alone.
    struct LinkPart: Sendable {
        var links: [ProxyLink]
        var qr: QRChoice
        var terminal: Terminal
        /// The rest is only counted.
        var atMost = Int.max

        var text: String {
            (links.prefix(atMost).map(linkBlock) + [restNote, qrBlock, loopbackNote].compactMap { $0 })
                .joined(separator: "\n\n")
        }

        private var restNote: String? {
            links.count > atMost ? "`martlet link` shows the other \(links.count - atMost)." : nil
        }

        private func linkBlock(_ link: ProxyLink) -> String {
            let title = links.count == 1 ? "Open one of these links with Telegram:" : "Links of \(link.title):"
            return "\(title)\n  \(link.app)\n  \(link.web)"
        }

        private var qrBlock: String? {
            guard qr == .always || (qr == .automatic && terminal.isInteractive), let link = links.first else {
                return nil
            }
            guard let code = QRCode(link.web) else { return "The link is too long for a QR code." }
            if let columns = terminal.columns, columns < QRDrawing.width(code) {
                return "Make the terminal \(QRDrawing.width(code)) columns wide to see the link as a QR code."
            }
            let drawing = QRDrawing.lines(code, isColoured: terminal.isInteractive).joined(separator: "\n")
            return links.count == 1 ? drawing : "QR code of \(link.title):\n\(drawing)"
        }

        private var loopbackNote: String? {
            guard let link = links.first, let address = IPAddress(link.server), address.isLoopback else { return nil }
            return """
                These links work on this machine alone. For other devices start with --host 0.0.0.0, and with \
                --link-server if they know this machine by another name.
                """
        }
    }
}
