import MTProtoWire
package import ProxyPolicy

/// The replay memory as bytes: for a file, and for the process that takes over.
///
/// Big-endian: eight letters, the version, `since`, `horizon`; a number of stretches of hellos, each with its first and
/// last moment, a count and the randoms; the same of headers with their ages; CRC-32C of all that.
extension ReplayMemory {
    /// Room for both sets when they are full (48 MiB), and a little for marks that came on the way.
    package static let maximumBytes = 64 << 20
    /// A filter has eight stretches of hellos and five of headers at most.
    static let maximumStretches = 64

    private static let letters = Array("MARTLETR".utf8)
    private static let version: UInt32 = 1
    /// An age beyond any life that can be configured (30 years in ms) is no age.
    private static let largestAge: Int64 = 1 << 40

    package var encoded: [UInt8] {
        var writer = BytesWriter()
        writer.bytes.reserveCapacity(64 + count * Block32.count)
        writer.bytes += Self.letters
        writer.write(Self.version)
        writer.write(since)
        writer.write(UInt64(bitPattern: horizon))
        writer.write(UInt32(clamping: hellos.count))
        for stretch in hellos {
            writer.write(UInt64(bitPattern: stretch.first))
            writer.write(UInt64(bitPattern: stretch.last))
            writer.write(UInt32(clamping: stretch.randoms.count))
            for random in stretch.randoms { random.withUnsafeBytes { writer.bytes.append(contentsOf: $0) } }
        }
        writer.write(UInt32(clamping: headers.count))
        for stretch in headers {
            writer.write(UInt64(bitPattern: stretch.age))
            writer.write(UInt64(bitPattern: stretch.newestAge))
            writer.write(UInt32(clamping: stretch.keys.count))
            for key in stretch.keys { key.withUnsafeBytes { writer.bytes.append(contentsOf: $0) } }
        }
        writer.write(writer.bytes.withUnsafeBytes { CRC.crc32c.value($0) })
        return writer.bytes
    }

    /// Nil for anything that ``encoded`` did not make, or that did not arrive whole.
    package init?(decoding bytes: [UInt8]) {
        guard bytes.count <= Self.maximumBytes, bytes.starts(with: Self.letters) else { return nil }
        let body = bytes.dropLast(4)
        var sum = BytesReader(bytes[body.endIndex...])
        guard sum.read(UInt32.self) == body.withUnsafeBytes({ CRC.crc32c.value($0) }) else { return nil }
        var reader = BytesReader(body.dropFirst(Self.letters.count))
        guard reader.read(UInt32.self) == Self.version,
            let since = reader.read(UInt32.self), let horizon = reader.read(UInt64.self),
            let hellos = Self.hellos(&reader), let headers = Self.headers(&reader), reader.isAtEnd
        else { return nil }
        self.init(since: since, horizon: Int64(bitPattern: horizon), hellos: hellos, headers: headers)
    }

    private static func hellos(_ reader: inout BytesReader) -> [Hellos]? {
        guard let number = reader.read(UInt32.self), number <= maximumStretches else { return nil }
        var result: [Hellos] = []
        for _ in 0..<number {
            guard let first = reader.read(UInt64.self), let last = reader.read(UInt64.self),
                let count = reader.read(UInt32.self)
            else { return nil }
            // Times are of the 32 bits that a hello carries, so that sums with them cannot overflow.
            let (start, end) = (Int64(bitPattern: first), Int64(bitPattern: last))
            guard start >= 0, end >= start, end <= 2 * Int64(UInt32.max) else { return nil }
            guard let randoms = reader.set(count, of: Block32.count, { Block32(bytes: $0) }) else { return nil }
            result.append(Hellos(first: start, last: end, randoms: randoms))
        }
        return result
    }

    private static func headers(_ reader: inout BytesReader) -> [Headers]? {
        guard let number = reader.read(UInt32.self), number <= maximumStretches else { return nil }
        var result: [Headers] = []
        for _ in 0..<number {
            guard let age = reader.read(UInt64.self), let newest = reader.read(UInt64.self),
                let count = reader.read(UInt32.self), age <= largestAge, newest <= age,
                let keys = reader.set(count, of: Block16.count, { Block16(bytes: $0) })
            else { return nil }
            result.append(Headers(age: Int64(age), newestAge: Int64(newest), keys: keys))
        }
        return result
    }
}

extension ReplayMark {
    /// A letter and the bytes: 37 of a hello, 17 of a header.
    package var encoded: [UInt8] {
        var writer = BytesWriter()
        switch self {
        case .hello(let random, let timestamp):
            writer.bytes.append(UInt8(ascii: "h"))
            writer.write(timestamp)
            random.withUnsafeBytes { writer.bytes.append(contentsOf: $0) }
        case .header(let key):
            writer.bytes.append(UInt8(ascii: "o"))
            key.withUnsafeBytes { writer.bytes.append(contentsOf: $0) }
        }
        return writer.bytes
    }

    /// All marks that stand one behind the other; nil when something else stands there.
    package static func decode(_ bytes: ArraySlice<UInt8>) -> [ReplayMark]? {
        var reader = BytesReader(bytes)
        var result: [ReplayMark] = []
        while !reader.isAtEnd {
            switch reader.read(UInt8.self) {
            case UInt8(ascii: "h"):
                guard let timestamp = reader.read(UInt32.self), let bytes = reader.take(Block32.count),
                    let random = Block32(bytes: bytes)
                else { return nil }
                result.append(.hello(random, timestamp: timestamp))
            case UInt8(ascii: "o"):
                guard let bytes = reader.take(Block16.count), let key = Block16(bytes: bytes) else { return nil }
                result.append(.header(key))
            default: return nil
            }
        }
        return result
    }
}

/// Puts numbers one behind the other, big-endian.
struct BytesWriter {
    var bytes: [UInt8] = []

    mutating func write(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Takes numbers and blocks from bytes that somebody else may have written.
struct BytesReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func read<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
        take(MemoryLayout<Number>.size)?.reduce(0) { ($0 << 8) | Number($1) }
    }

    /// `count` different blocks of `size` bytes.
    fileprivate mutating func set<Block: Hashable>(
        _ count: UInt32, of size: Int, _ make: (ArraySlice<UInt8>) -> Block?
    ) -> Set<Block>? {
        guard rest.count / size >= Int(count) else { return nil }
        var result = Set<Block>(minimumCapacity: Int(count))
        for _ in 0..<count {
            guard let bytes = take(size), let block = make(bytes) else { return nil }
            result.insert(block)
        }
        return result
    }
}
