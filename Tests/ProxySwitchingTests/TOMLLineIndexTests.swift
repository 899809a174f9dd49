import Testing

@testable import ProxySwitching

@Suite
struct TOMLLineIndexTests {
    private static let text = #"""
        # [not.a.table]
        top = 1
        "quoted key" = 'a # no comment'  # a comment

        [listen]
        host = "127.0.0.1"
        dotted . key.'x.y' = true
        long = """
        port = 99
        "two quotes"
        """
        port = 1443

        [routes]  # comment
        dc_ip = [ # first
          "2:149.154.167.220", "3:1.2.3.4",
          # "9:9.9.9.9",
          '4:149.154.167.220'
        ]
        inline = { a = 1, b = { c = [1,
          2] } }
        nested = [
          [1, 2],
          [3,
           4]]

        [[fleet]]
        name = "a"
        [fleet.inner]
        x = 1
        [[fleet]]
        name = "b"
        [fleet.inner]
        x = 2
        [a."b.c".d]
        e = 1979-05-27T07:32:00Z
        """#

    @Test(
        arguments: [
            (["top"], 2), (["quoted key"], 3), (["listen"], 5), (["listen", "host"], 6),
            (["listen", "dotted", "key", "x.y"], 7), (["listen", "dotted"], 7), (["listen", "long"], 8),
            (["listen", "port"], 12), (["routes"], 14), (["routes", "dc_ip"], 15), (["routes", "dc_ip", "0"], 16),
            (["routes", "dc_ip", "1"], 16), (["routes", "dc_ip", "2"], 18), (["routes", "inline", "a"], 20),
            (["routes", "inline", "b", "c", "0"], 20), (["routes", "inline", "b", "c", "1"], 21),
            (["routes", "nested", "0", "1"], 23), (["routes", "nested", "1", "0"], 24),
            (["routes", "nested", "1", "1"], 25),
            (["fleet"], 27), (["fleet", "0", "name"], 28), (["fleet", "0", "inner", "x"], 30), (["fleet", "1"], 31),
            (["fleet", "1", "name"], 32), (["fleet", "1", "inner", "x"], 34), (["a", "b.c", "d"], 35),
            (["a", "b.c", "d", "e"], 36),
        ] as [([String], Int)])
    func `The line of every value is known`(path: [String], line: Int) {
        #expect(TOMLLineIndex(Self.text).line(of: path) == line)
        #expect(TOMLLineIndex(Self.text.replacing("\n", with: "\r\n")).line(of: path) == line)
    }

    @Test
    func `A path below a value has the value's line, an unknown one has none`() {
        let index = TOMLLineIndex("[a]\nb = 1\n")
        #expect(index.line(of: ["a", "b", "c"]) == 2)
        #expect(index.line(of: ["x"]) == nil)
        #expect(TOMLLineIndex("").line(of: ["x"]) == nil)
    }

    @Test
    func `Every beginning of a text is walked to its end`() {
        // Truncated texts are what no parser has accepted: the index may be wrong about them, but it must come back.
        for end in 0...Self.text.utf8.count {
            _ = TOMLLineIndex(String(decoding: Array(Self.text.utf8.prefix(end)), as: UTF8.self))
        }
        for garbage in ["[", "]", "=", "[[[", "a=[[[", "a={{{", "\"", "a=\"\"\"", "a=[,,,", "'\n'", "a={b={c=["] {
            _ = TOMLLineIndex(garbage)
        }
    }
}

/// Texts over which the parser would end the program.
@Suite struct MalformedHeaderTests {
    @Test(arguments: ["[=]", "[,]", "a = 1\n[#]", "[(]", "[é]", "[.a]", "[[=]]", "[[\n", "[ $ ]"])
    func `A header without a name is refused with its line`(text: String) throws {
        let line = text.contains("a = 1") ? 2 : 1
        let error = try #require(throws: SwitchingError.self) { try ForeignNode.toml(text).text }
        #expect(error.line == line)
    }

    @Test(arguments: [
        "[a]", "[ 'b c' ]", "[[\"d\"]]", "a = [\n  [+1, 2],\n  [{b = 1}],\n]", "a = '''\n[=]\n'''", "[-]", "[1.2]",
    ])
    func `Other texts are not`(text: String) throws {
        #expect(TOMLLineIndex(text).malformedHeader == nil)
        _ = try ForeignNode.toml(text)
    }
}
