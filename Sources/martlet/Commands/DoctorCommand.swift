import ArgumentParser
import ProxyDoctor
import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `martlet doctor`
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what is wrong, and what to do about it.",
        discussion: """
            Looks at the configuration, clock, names, every data center by every route (with a query that only a data \
            center answers), middle proxies, public address, ports and packet filters, the mask host, and this \
            machine. Takes the flags, variables and file of `martlet run`; the server may run meanwhile. \
            docs/doctor.md explains every check.

            EXAMPLES:
              martlet doctor --config /etc/martlet.toml
              martlet doctor --only dc,clock
              martlet doctor --skip dns --timeout 3s
              martlet doctor --json | jq '.checks[] | select(.level == "fail")'

            EXIT CODES:
              0   nothing failed; there may be warnings
              1   at least one check failed
              64  a flag is wrong
              78  the configuration file or a variable is wrong
            """
    )

    @ArgumentParser.Flag(name: .customLong("json"), help: "Print JSON for programs.")
    var printsJSON = false

    @ArgumentParser.Option(
        name: .customLong("only"),
        help: ArgumentHelp("Checks to make, by their names; `dc` means dc.route, too.", valueName: "ID,…"))
    var only: [String] = []

    @ArgumentParser.Option(name: .customLong("skip"), help: ArgumentHelp("Checks to leave out.", valueName: "ID,…"))
    var skip: [String] = []

    @ArgumentParser.Option(
        name: .customLong("timeout"), help: ArgumentHelp("How long one try may take.", valueName: "TIME"))
    var timeout = "10s"

    @ArgumentParser.Flag(
        name: .customLong("community"), help: "Ask other people's Cloudflare domains for every data center, too.")
    var asksCommunity = false

    @ArgumentParser.Option(
        name: .customLong("clock-url"),
        help: ArgumentHelp("Page whose server has a right clock.", valueName: "URL"))
    var clockPage = Patient.usualClockPage

    @OptionGroup
    var flags: ConfigurationFlags

    private static let ownFlags = ["--json", "--only", "--skip", "--timeout", "--community", "--clock-url"]
    /// Bounds of `--timeout`, ms.
    private static let timeouts: ClosedRange<Int64> = 100...120_000

    func run() async throws {
        let selection = try selection()
        let milliseconds = try timeoutMilliseconds()
        let loaded = try flags.load(ownFlags: Self.ownFlags)
        // A write to a connection that is gone is an error to handle, not the end of the program.
        signal(SIGPIPE, SIG_IGN)

        var patient = Patient(configuration: loaded.configuration, version: Martlet.version)
        patient.notes = loaded.notes
        patient.openFileLimit = OpenFileLimit.raise()
        patient.asksCommunity = asksCommunity
        patient.clockPage = clockPage
        patient.timeout = .milliseconds(milliseconds)
        let directory = loaded.configuration.stateDirectory
        if !directory.isEmpty {
            patient.server = ServerReach.ask(directory: directory, timeoutMilliseconds: Int(milliseconds))
        }
        let line = ProgressLine()
        let report = await Checkup(patient, selection: selection).run { line.show($0) }
        line.clear()
        if printsJSON {
            FileOutput.print(JSONOutput.text(report))
        } else {
            FileOutput.print(ReportText(report, isColoured: Terminal.standardOutput.isColoured).text)
        }
        if report.level == .fail { throw ExitCode(1) }
    }

    private func selection() throws(ExitCode) -> CheckSelection {
        func names(_ texts: [String]) -> [String] {
            texts.flatMap { $0.split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init) }
        }
        do throws(UnknownCheck) {
            return try CheckSelection(only: names(only), skip: names(skip))
        } catch {
            let known = CheckID.allCases.map(\.rawValue)
            let hint = NearestName.find(error.name, in: known).map { "did you mean \($0)?" }
            Complaint.write([
                "\(quoted(error.name)) is not a check of the doctor; \(hint ?? "there are \(known.joined(separator: ", "))")"
            ])
            throw ExitStatus.usage.code
        }
    }

    private func timeoutMilliseconds() throws(ExitCode) -> Int64 {
        var context = ValueContext(directory: "/", home: nil)
        do throws(InvalidValue) {
            return try ValueForm<Int64>.duration(Self.timeouts).parse(timeout, &context)
        } catch {
            let hint = error.expected.map { "; expected \($0)" } ?? ""
            Complaint.write(["--timeout: \(quoted(timeout)) \(error.problem)\(hint)"])
            throw ExitStatus.usage.code
        }
    }
}

/// One line on a person's terminal that is written over and over while the doctor works.
private struct ProgressLine: Sendable {
    private let isShown = isatty(STDERR_FILENO) == 1

    func show(_ progress: CheckupProgress) {
        guard isShown, progress.done < progress.all else { return }
        let names = progress.running.prefix(3).joined(separator: ", ")
        write("\r\u{1b}[K\(progress.done) of \(progress.all) done; waiting for \(names)")
    }

    func clear() {
        if isShown { write("\r\u{1b}[K") }
    }

    private func write(_ text: String) {
        _ = FileOutput.write(Array(text.utf8)[...], to: STDERR_FILENO)
    }
}

extension Terminal {
    /// Colours are for people, and not for those who said no (https://no-color.org).
    fileprivate var isColoured: Bool {
        isInteractive && HostEnvironment.current.variables["NO_COLOR", default: ""].isEmpty
    }
}
