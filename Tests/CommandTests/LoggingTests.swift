import Foundation
import Logging
import ProxyPolicy
import Testing

@testable import martlet

@Suite
struct LogFormatTests {
    private static let time = LogTime(seconds: 1_786_106_096, milliseconds: 7)

    private func line(_ style: ProxyConfiguration.Log.Format, _ message: String, _ metadata: Logger.Metadata = [:])
        -> String
    {
        LogFormat(style: style).line(time: Self.time, level: .info, message: message, metadata: metadata)
    }

    @Test
    func `A text line has time, level, message and sorted fields`() {
        #expect(Self.time.text == "2026-08-07T12:34:56.007Z")
        #expect(
            line(.text, "session ended", ["up": "12", "connection": "7", "client": "::1"])
                == "2026-08-07T12:34:56.007Z INFO     session ended client=::1 connection=7 up=12")
        #expect(
            LogFormat(style: .text).line(time: Self.time, level: .critical, message: "x", metadata: [:])
                == "2026-08-07T12:34:56.007Z CRITICAL x")
    }

    @Test
    func `A field is quoted when it could be mistaken`() {
        let metadata: Logger.Metadata = [
            "a": "two words", "b": "x=y", "c": "say \"hi\"", "d": "", "e": .array(["1", "2"]), "f": "back\\slash",
            "g": .dictionary(["z": "1", "y": "2"]),
        ]
        #expect(
            line(.text, "m", metadata).hasSuffix(
                #" m a="two words" b="x=y" c="say \"hi\"" d="" e="[\"1\",\"2\"]" f="back\\slash""#
                    + #" g="{\"y\":\"2\",\"z\":\"1\"}""#
            ))
    }

    @Test
    func `What strangers send cannot begin a line or command a terminal`() {
        let attack = "x\r\n2026-08-07T12:34:56.007Z INFO fake\u{1B}[2J\u{202E}\u{2028}\u{85}\0"
        for style in ProxyConfiguration.Log.Format.allCases {
            let text = line(style, attack, ["stranger": "\(attack)", "\(attack)": "key"])
            #expect(!text.contains { $0.isNewline })
            #expect(!text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F })
        }
        #expect(!line(.text, attack).unicodeScalars.contains { ["\u{202E}", "\u{2028}", "\u{85}"].contains($0) })
        #expect(LogText.escaped("a\u{1B}b") == "a\\u{1b}b")
    }

    @Test
    func `A JSON line is one object that keeps its own three keys`() throws {
        let text = line(
            .json, "a \"message\"", ["message": "other", "count": .stringConvertible(3), "list": .array(["x"])])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["time"] as? String == "2026-08-07T12:34:56.007Z")
        #expect(object["level"] as? String == "info")
        #expect(object["message"] as? String == "a \"message\"")
        #expect(object["message_"] as? String == "other")
        #expect(object["count"] as? Int == 3)
        #expect(object["list"] as? [String] == ["x"])
    }

    @Test
    func `The handler merges its metadata under that of the line`() {
        let lines = Lines()
        let writer = LogWriter(overflowLine: { "\($0)" }, write: { lines.add($0) })
        var logger = Logger(label: "test") { _ in
            LineLogHandler(levels: LogLevels(ProxyConfiguration.Log()), format: LogFormat(style: .text), writer: writer)
        }
        logger[metadataKey: "connection"] = "1"
        logger.debug("not this")
        logger.info("this", metadata: ["connection": "2", "x": "y"])
        writer.finish()
        #expect(lines.text.hasSuffix(" INFO     this connection=2 x=y\n"))
        #expect(lines.text.split(separator: "\n").count == 1)
    }
}

/// Lines that a writer has written.
private final class Lines: @unchecked Sendable {
    private let lock = NSLock()
    private var bytes: [UInt8] = []

    func add(_ lines: ArraySlice<UInt8>) {
        lock.withLock { bytes += lines }
    }

    var text: String { lock.withLock { String(decoding: bytes, as: UTF8.self) } }
}

@Suite
struct LogWriterTests {
    @Test
    func `Nothing that was taken is lost at the end, and lines of one thread keep their order`() {
        let lines = Lines()
        let writer = LogWriter(overflowLine: { "dropped \($0)" }, write: { lines.add($0) })
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in 0..<1_000 { writer.append("\(thread) \(number)") }
        }
        writer.finish()
        writer.append("too late")
        let all = lines.text.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(all.count == 8_000)
        for thread in 0..<8 {
            #expect(all.filter { $0[0] == "\(thread)" }.map { Int($0[1]) } == Array(0..<1_000))
        }
    }

    @Test
    func `A stuck output holds nobody up, and what was dropped is counted`() {
        let lines = Lines()
        let gate = DispatchSemaphore(value: 0)
        let isStuck = DispatchSemaphore(value: 0)
        let writer = LogWriter(
            capacity: 1_000, overflowLine: { "dropped \($0)" },
            write: { round in
                isStuck.signal()
                gate.wait()
                lines.add(round)
            })
        writer.append("first")
        isStuck.wait()
        for _ in 0..<1_000 { writer.append("123456789") }
        for _ in 0..<10 { gate.signal() }
        writer.finish()
        let all = lines.text.split(separator: "\n")
        #expect(all.first == "first")
        #expect(all.count { $0 == "123456789" } == 100)
        #expect(all.last == "dropped 900")
    }
}

@Suite
struct RotatingFileTests {
    private func contents(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    @Test
    func `A full file is put aside and the oldest is dropped`() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/m.log"
            var file = try RotatingFile(path: path, maximumBytes: 20, backups: 2)
            for number in 1...9 { try file.write(Array("line \(number)  \n".utf8)[...]) }
            #expect(contents(path) == "line 9  \n")
            #expect(contents(path + ".1") == "line 7  \nline 8  \n")
            #expect(contents(path + ".2") == "line 5  \nline 6  \n")
            #expect(contents(path + ".3") == nil)
        }
    }

    @Test
    func `One write of many lines is cut at their ends`() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/m.log"
            var file = try RotatingFile(path: path, maximumBytes: 10, backups: 3)
            try file.write(Array("1234\n5678\nabcd\nlonger than the file\nend\n".utf8)[...])
            #expect(contents(path) == "end\n")
            #expect(contents(path + ".1") == "longer than the file\n")
            #expect(contents(path + ".2") == "abcd\n")
            #expect(contents(path + ".3") == "1234\n5678\n")
        }
    }

    @Test
    func `What the file holds already is kept and counts`() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/m.log"
            try "before\n".write(toFile: path, atomically: true, encoding: .utf8)
            var file = try RotatingFile(path: path, maximumBytes: 12, backups: 1)
            try file.write(Array("now\n".utf8)[...])
            #expect(contents(path) == "before\nnow\n")
            try file.write(Array("then\n".utf8)[...])
            #expect(contents(path) == "then\n")
            #expect(contents(path + ".1") == "before\nnow\n")
        }
    }

    @Test
    func `A file that cannot be opened says why`() {
        #expect(throws: SystemError(ENOENT)) {
            _ = try RotatingFile(path: "/nonexistent/m.log", maximumBytes: 10, backups: 1)
        }
    }
}
