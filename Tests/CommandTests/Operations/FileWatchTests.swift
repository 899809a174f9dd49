import Foundation
import ProxyTestKit
import Testing

@testable import martlet

/// When a change of a file is taken.
@Suite struct FileWatchTests {
    private let directory: TemporaryDirectory
    private let path: String
    private let other: String

    init() throws {
        directory = try TemporaryDirectory()
        path = try directory.write("one", to: "file")
        other = directory.path("other")
    }

    private var marks: FileWatch.Marks { FileWatch.marks([path, other]) }

    @Test func `What stays the same is no change`() {
        var watch = FileWatch(known: marks)
        for _ in 0..<3 { #expect(watch.look(marks) == []) }
    }

    @Test func `A change is taken once, at the second look that finds it`() throws {
        var watch = FileWatch(known: marks)
        try directory.write("longer", to: "file")
        #expect(watch.look(marks) == [])
        #expect(watch.look(marks) == [path])
        #expect(watch.look(marks) == [])
    }

    @Test func `A file that is still being written is waited for`() throws {
        var watch = FileWatch(known: marks)
        for text in ["12345", "123456", "1234567"] {
            try directory.write(text, to: "file")
            #expect(watch.look(marks) == [])
        }
        #expect(watch.look(marks) == [path])
    }

    @Test func `A file of the same size in its place is a change, even with the same times`() throws {
        var watch = FileWatch(known: marks)
        let times = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
        try directory.write("two", to: "draft")
        let draft = directory.path("draft")
        try FileManager.default.setAttributes([.modificationDate: try #require(times)], ofItemAtPath: draft)
        #expect(rename(draft, path) == 0)
        #expect(watch.look(marks) == [])
        #expect(watch.look(marks) == [path])
    }

    @Test func `Files that come and go are changes`() throws {
        var watch = FileWatch(known: marks)
        try directory.write("new", to: "other")
        try FileManager.default.removeItem(atPath: path)
        #expect(watch.look(marks) == [])
        #expect(watch.look(marks) == [path, other])
        try directory.write("back", to: "file")
        #expect(watch.look(marks) == [])
        try FileManager.default.removeItem(atPath: path)
        #expect(watch.look(marks) == [])
        #expect(watch.look(marks) == [])
    }

    @Test func `What was read for another reason is known`() throws {
        var watch = FileWatch(known: marks)
        try directory.write("longer", to: "file")
        #expect(watch.look(marks) == [])
        watch.settle(marks)
        #expect(watch.look(marks) == [])
    }
}
