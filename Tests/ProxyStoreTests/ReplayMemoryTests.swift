import Foundation
import MTProtoWire
import ProxyPolicy
import ProxyTestKit
import Testing

@testable import ProxyStore

/// The replay memory on its way to the next process.
@Suite struct ReplayMemoryTests {
    private static let now: UInt32 = 1_700_000_000

    private static func block32(_ number: Int) -> Block32 {
        var block = Block32()
        block.withUnsafeMutableBytes { $0.storeBytes(of: number, as: Int.self) }
        return block
    }

    private static func block16(_ number: Int) -> Block16 {
        var block = Block16()
        block.withUnsafeMutableBytes { $0.storeBytes(of: number, as: Int.self) }
        return block
    }

    private static func memory(hellos: Int = 5, headers: Int = 7) -> ReplayMemory {
        ReplayMemory(
            since: now - 100, horizon: Int64(now) - 500,
            hellos: [
                .init(first: Int64(now) - 120, last: Int64(now) - 1, randoms: Set((0..<hellos).map { block32($0) })),
                .init(first: Int64(now), last: Int64(now) + 119, randoms: [block32(-1)]),
            ],
            headers: [.init(age: 5_000, newestAge: 1, keys: Set((0..<headers).map { block16($0) }))])
    }

    // MARK: Bytes

    @Test(arguments: [memory(), memory(hellos: 0, headers: 0), memory(hellos: 3_000), ReplayMemory(since: 0)])
    func `What is written is read again`(_ memory: ReplayMemory) {
        #expect(ReplayMemory(decoding: memory.encoded) == memory)
    }

    @Test func `What is cut, changed or continued is refused`() {
        let bytes = Self.memory().encoded
        for length in 0..<bytes.count { #expect(ReplayMemory(decoding: Array(bytes.prefix(length))) == nil) }
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 0x40
            #expect(ReplayMemory(decoding: changed) == nil, "byte \(place)")
        }
        #expect(ReplayMemory(decoding: bytes + [0]) == nil)
    }

    /// The sum is right, so that what lies behind it is reached.
    @Test func `Any bytes under a right sum are survived`() {
        var generator = SeededGenerator(seed: 11)
        let bytes = Self.memory().encoded
        for _ in 0..<5_000 {
            var body = Array(bytes.dropLast(4))
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                body[Int.random(in: 12..<body.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) { body.removeLast(Int.random(in: 0..<60, using: &generator)) }
            let sum = body.withUnsafeBytes { CRC.crc32c.value($0) }
            let memory = ReplayMemory(decoding: body + withUnsafeBytes(of: sum.bigEndian) { Array($0) })
            var filter = ReplayFilter(since: Self.now, helloWindow: 120, headerLife: 3_600_000)
            if let memory { filter.adopt(memory, now: 1_000) }
            _ = filter.isReplayedHello(Self.block32(0), timestamp: Self.now, now: Self.now)
            _ = filter.isReplayedHeader(Self.block16(0), now: 2_000)
        }
    }

    @Test func `Marks are written and read, and nothing else is taken for one`() throws {
        let marks: [ReplayMark] = [
            .hello(Self.block32(7), timestamp: .max), .header(Self.block16(8)), .hello(Self.block32(0), timestamp: 0),
        ]
        let bytes = marks.flatMap(\.encoded)
        #expect(ReplayMark.decode(bytes[...]) == marks)
        #expect(ReplayMark.decode([]) == [])
        let ends = [0, 37, 54, 91]
        for length in 0...bytes.count {
            let read = ReplayMark.decode(bytes.prefix(length))
            #expect((read != nil) == ends.contains(length), "\(length)")
        }
        #expect(ReplayMark.decode([0x78] + bytes) == nil)
    }

    // MARK: The file

    @Test func `The file is its owner's, and is read once`() throws {
        let directory = try TemporaryDirectory()
        let file = ReplayFile(directory: directory.url.path)
        #expect(file.take() == nil)
        try file.write(Self.memory())
        try file.write(Self.memory(hellos: 6))
        let path = directory.path("replay.memory")
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        #expect(file.take() == Self.memory(hellos: 6))
        #expect(file.take() == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path) == [])
    }

    @Test func `A file that is not whole is thrown away`() throws {
        let directory = try TemporaryDirectory()
        try directory.write(Array(Self.memory().encoded.dropLast()), to: "replay.memory")
        let file = ReplayFile(directory: directory.url.path)
        #expect(file.take() == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path) == [])
    }
}
