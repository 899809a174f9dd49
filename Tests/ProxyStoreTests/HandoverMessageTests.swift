import Foundation
import MTProtoWire
import ProxyPolicy
import ProxyTestKit
import Testing

@testable import ProxyStore

/// What two processes say to each other, and what they pass.
@Suite(.timeLimit(.minutes(1))) struct HandoverMessageTests {
    private static let offer = HandoverOffer(
        version: "1.2.3", pid: 77,
        sockets: [
            .init(host: "127.0.0.1", port: 443, isManaged: false), .init(path: "/run/m.sock", isManaged: true),
        ])

    static let all: [HandoverMessage] = [
        .offer(offer), .sockets, .release(version: "1.2.4"), .released, .bound, .memory([1, 2, 3]), .memory([]),
        .memoryEnd, .remembered, .marks([]), .marks([.hello(Block32(), timestamp: 5), .header(Block16())]), .yours,
        .accepting, .done, .abort("no"), .ask(.header(Block16())), .seen(true), .seen(false),
    ]

    @Test func `Every message arrives, however it is cut`() throws {
        let bytes = Self.all.flatMap(\.encoded)
        for step in [1, 2, 3, 7, 100, bytes.count] {
            var buffer: [UInt8] = []
            var read: [HandoverMessage] = []
            for start in stride(from: 0, to: bytes.count, by: step) {
                buffer += bytes[start..<min(start + step, bytes.count)]
                while let message = try HandoverMessage.take(from: &buffer) { read.append(message) }
            }
            #expect(read == Self.all && buffer.isEmpty)
        }
    }

    @Test func `Lengths beyond the bound and letters that mean nothing are refused`() {
        for wrong in [
            [0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [0, 4, 0, 1], [0, 0, 0, 1, 0x7a], [0, 0, 0, 2, 0x59, 0],
            [0, 0, 0, 1, 0x21], [0, 0, 0, 1, 0x3f], [0, 0, 0, 3, 0x4f, 0x7b, 0x7d],
        ] as [[UInt8]] {
            var buffer = wrong
            #expect(throws: HandoverError.self, "\(wrong)") { try HandoverMessage.take(from: &buffer) }
        }
    }

    @Test func `Any bytes are survived`() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<20_000 {
            var buffer: [UInt8] = [0, 0, 0] + generator.bytes(Int.random(in: 1...60, using: &generator))
            while let message = try? HandoverMessage.take(from: &buffer) { _ = message.encoded }
        }
    }

    // MARK: Connections

    private func pair(_ directory: TemporaryDirectory) throws -> (HandoverLink, HandoverLink) {
        let place = try HandoverPlace(directory: directory.url.path)
        let client = try HandoverPlace.connect(directory: directory.url.path, process: getpid())
        return (client, try place.accept(within: 10_000))
    }

    @Test func `Messages and descriptors go through, more than fit one message`() throws {
        let directory = try TemporaryDirectory()
        let (sender, receiver) = try pair(directory)
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        try sender.send(.offer(Self.offer), descriptors: .init(repeating: ends[1], count: 200), within: 10_000)
        try sender.send(.done, within: 10_000)
        #expect(try receiver.receive(within: 10_000) == .offer(Self.offer))
        for _ in 0..<3 { #expect(try receiver.receive(within: 10_000) == .sockets) }
        #expect(try receiver.receive(within: 10_000) == .done)
        let descriptors = receiver.takeDescriptors()
        #expect(descriptors.count == 200 && Set(descriptors).count == 200)
        for descriptor in descriptors {
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            close(descriptor)
        }
        let last = descriptors.last ?? -1
        #expect(fcntl(last, F_GETFD) == -1)
    }

    @Test func `The end and silence are told apart, and the socket's file goes`() throws {
        let directory = try TemporaryDirectory()
        var (sender, receiver): (HandoverLink?, HandoverLink) = try pair(directory)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path) == [])
        #expect(throws: HandoverError.self) { try receiver.receive(within: 20) }
        try sender?.send(.yours, within: 10_000)
        sender = nil
        #expect(try receiver.receive(within: 10_000) == .yours)
        #expect(try receiver.receive(within: 10_000) == nil)
        #expect(throws: HandoverError.self) {
            for _ in 0..<2 { try receiver.send(.yours, within: 10_000) }
        }
    }

    @Test func `Nobody waits where nobody is`() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: HandoverError.self) {
            try HandoverPlace.connect(directory: directory.url.path, process: 1)
        }
        let place = try HandoverPlace(directory: directory.url.path)
        #expect(throws: HandoverError.self) { try place.accept(within: 20) }
    }
}
