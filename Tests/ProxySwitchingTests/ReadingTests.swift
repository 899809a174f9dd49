import Testing

@testable import ProxySwitching

/// The readers of shell lines, literals, variables and options.
@Suite struct ReadingTests {
    private func words(_ text: String, manner: ShellReader.Manner = .shell) throws -> [[String]] {
        var reader = ShellReader(text, manner: manner)
        var result: [[String]] = []
        while let command = try reader.next() { result.append(command.words.map(\.text)) }
        return result
    }

    @Test(
        arguments: [
            ("a b  c\n", [["a", "b", "c"]]),
            ("a 'b c' \"d \\\" e\" f\\ g", [["a", "b c", "d \" e", "f g"]]),
            ("a \\\n  b\nc", [["a", "b"], ["c"]]),
            ("a # comment\nb#c", [["a"], ["b#c"]]),
            ("a; b && c | d", [["a"], ["b"], ["c"], ["d"]]),
            ("X=1\nY=$X$X\nrun $Y ${Z:-z}", [["run", "11", "z"]]),
            ("run >/dev/null 2>&1 x", [["run", "x"]]),
            ("", []), ("\n\n;;", []), ("''", [[""]]),
        ] as [(String, [[String]])])
    func `Shell lines are split`(text: String, expected: [[String]]) throws {
        #expect(try words(text) == expected)
    }

    @Test(arguments: ["run `date`", "run $(date)", "run $UNSET"])
    func `What only running could tell is a problem of the word`(text: String) throws {
        var reader = ShellReader(text)
        let command = try #require(try reader.next())
        #expect(command.words.last?.problem != nil)
        #expect(throws: SwitchingError.self) { try FoundCommand(command, ["run"]) }
        #expect(try FoundCommand(command, ["other"]) == nil)
    }

    @Test func `A quotation mark that is not closed has its line`() {
        #expect(throws: SwitchingError("a quotation mark is not closed", expected: "another '", line: 2)) {
            try words("a\nb 'c\nd")
        }
    }

    @Test func `A unit's command has its own rules`() throws {
        let unit = "[Unit]\n[Service]\nUser=x\nExecStartPre=/bin/true\nExecStart=-/usr/bin/run a;b #c 100%% %i\n"
        #expect(throws: SwitchingError.self) { try FoundCommand.find(in: unit, programs: ["run"]) }
        let plain = unit.replacing(" %i", with: "")
        let found = try #require(try FoundCommand.find(in: plain, programs: ["run"]))
        #expect(found.arguments == ["a;b", "#c", "100%"] && found.line == 5)
        #expect(found.neighbours.map(\.name) == ["User", "ExecStartPre"])
        #expect(try FoundCommand.find(in: plain, programs: ["walk"]) == nil)
    }

    // MARK: Options

    private func options(_ words: [String]) throws -> CommandLineReader {
        var reader = CommandLineReader(MTProxyOptions.all)
        try reader.read(words)
        return reader
    }

    @Test(
        arguments: [
            (["-vvH443", "x"], ["v", "v", "http-ports=443"], ["x"]),
            (["-H", "443", "-M", "2"], ["http-ports=443", "slaves=2"], []),
            (["--http-ports=443", "--slaves", "2"], ["http-ports=443", "slaves=2"], []),
            (
                ["--http-p", "443", "--mtproto", "a", "--dom=b"], ["http-ports=443", "mtproto-secret=a", "domain=b"], []
            ),
            (["x", "-6", "y", "--", "-d"], ["ipv6"], ["x", "y", "-d"]),
            (
                ["-d", "x", "-d0", "-d=1", "--daemonize=0", "--daemonize"],
                ["daemonize", "daemonize=0", "daemonize=1", "daemonize=0", "daemonize"], ["x"]
            ),
            (["--verbosity", "-S", "-x"], ["verbosity", "mtproto-secret=-x"], []),
            (["--connections", "5", "--http-stats"], ["connections=5", "http-stats"], []),
            (["-"], [], ["-"]),
        ] as [([String], [String], [String])])
    func `Options follow getopt_long`(words: [String], given: [String], positional: [String]) throws {
        let reader = try options(words)
        #expect(reader.given.map { $0.option + ($0.value.map { "=\($0)" } ?? "") } == given)
        #expect(reader.positional == positional)
    }

    @Test(
        arguments: [
            (["--unknown"], "unrecognized option '--unknown'"), (["-x"], "unrecognized option '-x'"),
            (["-H"], "option '-H' needs an argument"), (["--slaves"], "option '--slaves' needs an argument"),
            (["--crc32c=1"], "option '--crc32c' takes no argument"),
            (
                ["--max", "1"],
                "option '--max' is ambiguous: --max-special-connections, --max-accept-rate, --max-dh-accept-rate"
            ),
            (["--" + "=1"], "unrecognized option '--'"),
        ] as [([String], String)])
    func `Wrong options are told`(words: [String], message: String) {
        #expect(throws: CommandLineReader.Fault(description: message)) { try options(words) }
    }

    // MARK: Literals

    @Test(
        arguments: [
            (
                "{\"a\": [1, 2.5, true, null], \"b\": {\"c\": \"d\\u0041\\n\"}}",
                "{a = [1, 2.5, true, none], b = {c = dA\n}}"
            ),
            ("['x', (1, 2), (3), ('y'),]", "[x, [1, 2], 3, y]"), ("[]", "[]"), ("{}", "{}"),
        ])
    func `Literals are read`(text: String, expected: String) throws {
        var reader = LiteralReader(text)
        #expect(try reader.readDocument().text == expected)
    }

    @Test(arguments: [
        "{", "[1", "{\"a\"}", "{\"a\": \"b}", "{1 2}", "x", "[\"\\u12\"]", String(repeating: "[", count: 50),
        "",
    ])
    func `What is no literal is refused`(text: String) {
        #expect(throws: SwitchingError.self) {
            var reader = LiteralReader(text)
            return try reader.readDocument().text
        }
    }

    @Test func `Assignments at the margin count, code does not`() throws {
        var reader = LiteralReader(
            """
            '''A = 1
            '''
            A = 2; B = "x" 'y'  # C = 3
            def f():
                A = 4
                return \"\"\"
            A = 5
            \"\"\"
            D = f(1,
                2) + 3
            E = 2 * 1024**2
            F == 6
            G.h = 7
            """)
        let (assignments, skipped) = try reader.readAssignments()
        #expect(assignments.map { "\($0.name)=\($0.node.text)" } == ["A=2", "B=xy", "D=f(1,\n    2) + 3", "E=2097152"])
        #expect(assignments.map(\.node.line) == [3, 3, 9, 11])
        #expect(skipped.map(\.line) == [4, 12, 13])
        #expect(throws: SwitchingError.self) { try assignments[2].scalar() }
    }

    @Test(arguments: 0..<300)
    func `Garbage never holds a reader`(seed: Int) {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        let pieces = [
            "{", "}", "[", "]", "(", ")", "\"", "'", "\\", "\n", "=", ",", ":", "#", ";", "A", "1", " ", "$", "`", "%",
            "-", "\u{0}", "é", "\r", "USERS", "[Service]\nExecStart=", "environment:\n", "TG_A=",
        ]
        let text = (0..<60).map { _ -> String in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return pieces[Int(state % UInt64(pieces.count))]
        }.joined()
        for kind in ForeignKind.allCases {
            _ = try? ForeignConfiguration(kind: kind, text: text, name: "garbage", directory: "/").translate()
        }
    }
}
