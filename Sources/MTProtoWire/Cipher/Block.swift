/// Sixteen bytes without heap: an AES block, an IV, the key part of a proxy secret.
///
/// The words hold the bytes as they stand in memory, so that raw views and copies need no swaps.
package struct Block16: Hashable, Sendable {
    private var first: UInt64
    private var second: UInt64

    /// The number of bytes, 16.
    package static let count = 16

    /// Sixteen zero bytes.
    package init() {
        first = 0
        second = 0
    }

    /// Copies exactly 16 bytes; `nil` for any other number of them.
    package init?(bytes: some Collection<UInt8>) {
        self.init()
        let isFilled = withUnsafeMutableBytes { fillBlock($0, from: bytes) }
        guard isFilled else { return nil }
    }

    /// The bytes in order.
    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// Lends the 16 bytes in memory order.
    package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafePointer(to: self) { pointer throws(Failure) in
            try body(UnsafeRawBufferPointer(start: pointer, count: Self.count))
        }
    }

    /// Lends the 16 bytes for writing.
    package mutating func withUnsafeMutableBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeMutablePointer(to: &self) { pointer throws(Failure) in
            try body(UnsafeMutableRawBufferPointer(start: pointer, count: Self.count))
        }
    }
}

/// Thirty-two bytes without heap: an AES-256 key, a SHA-256 digest, the random of a TLS hello.
package struct Block32: Hashable, Sendable {
    private var first: UInt64
    private var second: UInt64
    private var third: UInt64
    private var fourth: UInt64

    /// The number of bytes, 32.
    package static let count = 32

    /// Thirty-two zero bytes.
    package init() {
        first = 0
        second = 0
        third = 0
        fourth = 0
    }

    /// Copies exactly 32 bytes; `nil` for any other number of them.
    package init?(bytes: some Collection<UInt8>) {
        self.init()
        let isFilled = withUnsafeMutableBytes { fillBlock($0, from: bytes) }
        guard isFilled else { return nil }
    }

    /// The bytes in order.
    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// Lends the 32 bytes in memory order.
    package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafePointer(to: self) { pointer throws(Failure) in
            try body(UnsafeRawBufferPointer(start: pointer, count: Self.count))
        }
    }

    /// Lends the 32 bytes for writing.
    package mutating func withUnsafeMutableBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeMutablePointer(to: &self) { pointer throws(Failure) in
            try body(UnsafeMutableRawBufferPointer(start: pointer, count: Self.count))
        }
    }
}

// Blocks carry keys and secrets, and a value printed by accident must not publish them.
extension Block16: CustomStringConvertible {
    /// Says the size only; `bytes` has the content.
    package var description: String { "Block16(…)" }
}

extension Block32: CustomStringConvertible {
    /// Says the size only; `bytes` has the content.
    package var description: String { "Block32(…)" }
}

/// Copies `bytes` into a block if they fill it exactly.
private func fillBlock(_ block: UnsafeMutableRawBufferPointer, from bytes: some Collection<UInt8>) -> Bool {
    guard bytes.count == block.count else { return false }
    block.copyBytes(from: bytes)
    return true
}
