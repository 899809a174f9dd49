import ArgumentParser
import ProxyStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `martlet top`
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch the running server: sessions, routes, users.",
        discussion: """
            Shows what the server does at this moment, and again every few seconds, until q or Ctrl-C. Rates are \
            those of sessions that live. Where output is no terminal, one picture is printed.

            EXAMPLES:
              martlet top
              martlet top --interval 1 --config /etc/martlet.toml
              martlet top --once
              martlet top --json | jq .overview.sessions

            EXIT CODES:
              0   done
              69  no server runs with that state directory, or it does not answer
            """
    )

    @ArgumentParser.Option(help: ArgumentHelp("Seconds between two pictures, 1 to 3600.", valueName: "SECONDS"))
    var interval = 2

    @ArgumentParser.Flag(help: "Print one picture and end.")
    var once = false

    @OptionGroup
    var place: UserPlaceFlags

    func validate() throws {
        guard (1...3_600).contains(interval) else { throw ValidationError("--interval takes 1 to 3600 seconds") }
    }

    func run() async throws {
        let terminal = Terminal.standardOutput
        let first = try overview()
        guard terminal.isInteractive, !once, !place.printsJSON else {
            return FileOutput.print(
                place.printsJSON
                    ? JSONOutput.text(ControlReply.overview(first)) : TopPicture(first, before: nil).text)
        }
        let screen = Screen()
        defer { screen.leave() }
        var before: ServerOverview?
        var now = first
        repeat {
            let size = screen.size
            let picture = TopPicture(now, before: before, seconds: Double(interval))
            screen.show(picture.lines(columns: size.columns, rows: size.rows))
            before = now
            if screen.waitsForEnd(seconds: interval) { return }
            now = try overview()
        } while true
    }

    private func overview() throws -> ServerOverview {
        guard case .overview(let overview) = try RunningServer.ask(.overview, of: place) else {
            throw ExitStatus.software.code
        }
        return overview
    }
}

/// What `martlet top` shows at one moment.
struct TopPicture {
    private let overview: ServerOverview
    private let before: ServerOverview?
    private let seconds: Double

    /// - Parameters:
    ///   - before: the moment before, for rates; nil: there are none.
    ///   - seconds: between the two.
    init(_ overview: ServerOverview, before: ServerOverview?, seconds: Double = 1) {
        self.overview = overview
        self.before = before
        self.seconds = seconds
    }

    var text: String { blocks.joined(separator: "\n\n") }

    /// As much of it as fits.
    func lines(columns: Int, rows: Int) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).prefix(max(rows, 1))
            .map { String($0.prefix(max(columns, 1))) }
    }

    private var blocks: [String] {
        [head, sessions, routes, users].compactMap { $0 }
    }

    private var head: String {
        let server = overview.server
        let live = overview.sessions.reduce(0) { $0 + $1.sessions }
        let used = "\(overview.connections) of \(overview.connectionLimit)"
        return """
            martlet \(server.version), process \(server.pid), up \(Self.span(server.uptimeSeconds))
            connections \(used)   sessions \(live)   half-open \(overview.halfOpen)   \
            strangers \(overview.masked)
            users online \(overview.onlineUsers)   warm upstreams \(overview.warm)   \
            links to middle proxies \(overview.links)
            """
    }

    private var sessions: String? {
        guard !overview.sessions.isEmpty else { return "nobody is being served" }
        var table = TextTable(header: ["DC", "ROUTE", "SESSIONS", "UP/s", "DOWN/s"], trailing: [2, 3, 4])
        for group in overview.sessions {
            let old = before?.sessions.first { ($0.dataCenter, $0.route) == (group.dataCenter, group.route) }
            table.add([
                group.dataCenter, group.route, "\(group.sessions)", rate(group.up, old?.up),
                rate(group.down, old?.down),
            ])
        }
        return table.text
    }

    /// Bytes of sessions that ended meanwhile are missing: a rate is never negative.
    private func rate(_ now: UInt64, _ before: UInt64?) -> String {
        guard let before, now >= before else { return "" }
        return UserAmounts.bytes(UInt64(Double(now - before) / seconds))
    }

    private var routes: String? {
        guard !overview.routes.isEmpty else { return nil }
        var table = TextTable(header: ["DC", "TRIED ROUTE", "STATE", "WORKED"], trailing: [])
        for route in overview.routes {
            let rest = route.restMilliseconds.map { ", rests \(Self.span($0 / 1_000))" } ?? ""
            let worked = route.workedBeforeMilliseconds.map { "\(Self.span($0 / 1_000)) ago" }
            table.add([
                route.dataCenter, LogText.withoutControls(route.route), route.failure.map { $0 + rest } ?? "works",
                worked ?? "never",
            ])
        }
        return table.text
    }

    private var users: String? {
        guard !overview.users.isEmpty else { return nil }
        var table = TextTable(header: ["USER", "CONNECTIONS", "UP", "DOWN"], trailing: [1, 2, 3])
        for user in overview.users {
            table.add([
                LogText.withoutControls(user.name), "\(user.connections)", UserAmounts.bytes(user.up),
                UserAmounts.bytes(user.down),
            ])
        }
        let more = overview.onlineUsers - overview.users.count
        return table.text + (more > 0 ? "\n… and \(more) more" : "")
    }

    /// `42 s`, `5 min`, `3 h`, `2 d`: the largest unit.
    static func span(_ seconds: Int64) -> String {
        switch seconds {
        case 172_800...: "\(seconds / 86_400) d"
        case 7_200...: "\(seconds / 3_600) h"
        case 120...: "\(seconds / 60) min"
        default: "\(max(seconds, 0)) s"
        }
    }
}

/// A person's terminal that is drawn anew again and again, and left as it was.
private struct Screen {
    private let old: termios

    init() {
        var settings = termios()
        tcgetattr(STDIN_FILENO, &settings)
        old = settings
        // Keys come at once and unseen; Ctrl-C becomes a key, so that the terminal is put back by whoever reads it.
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        // The other screen, without cursor.
        write("\u{1b}[?1049h\u{1b}[?25l")
    }

    func leave() {
        write("\u{1b}[?25h\u{1b}[?1049l")
        var settings = old
        tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }

    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    func show(_ lines: [String]) {
        write("\u{1b}[H" + lines.map { "\($0)\u{1b}[K" }.joined(separator: "\r\n") + "\u{1b}[J")
    }

    /// Whether a key says that it is enough.
    func waitsForEnd(seconds: Int) -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            let left = (end - ContinuousClock.now) / .milliseconds(1)
            guard left > 0 else { return false }
            var poll = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            guard Self.wait(&poll, Int32(left) + 1) > 0 else { continue }
            var key: UInt8 = 0
            guard read(STDIN_FILENO, &key, 1) == 1 else { return true }
            // q, Ctrl-C, Ctrl-D, Escape
            if [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3, 4, 27].contains(key) { return true }
        }
    }

    private static func wait(_ file: inout pollfd, _ milliseconds: Int32) -> Int32 { poll(&file, 1, milliseconds) }

    private func write(_ text: String) {
        _ = FileOutput.write(Array(text.utf8)[...], to: STDOUT_FILENO)
    }
}
