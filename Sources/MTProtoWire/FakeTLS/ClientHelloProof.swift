/// That a ClientHello was made by somebody who knows an ee secret, and when.
///
/// With mac = HMAC-SHA256(key, record with bytes 11..<43 zeroed), the hello's random is mac[0..<28], then mac[28..<32]
/// XOR the Unix time in seconds (little endian). Nothing else in the hello counts.
///
/// Source: observed in clients (tdlib) and in all servers.
package struct ClientHelloProof: Equatable, Sendable {
    /// The place of the key in the list that was searched.
    package var keyIndex: Int
    /// The client's clock, Unix time in seconds.
    package var timestamp: UInt32

    package init(keyIndex: Int, timestamp: UInt32) {
        self.keyIndex = keyIndex
        self.timestamp = timestamp
    }

    /// Looks for the key that signed the hello; the first one, should two secrets have the same key.
    ///
    /// Takes the same time whichever key matches, or none.
    package static func find(in hello: ClientHello, keys: [FakeTLSKey]) -> ClientHelloProof? {
        find(in: hello, keys: keys, order: TrialOrder(count: keys.count, first: 0..<0))
    }

    /// The same; which key is the first one is for `order` to say.
    ///
    /// - Parameter order: of the indices of `keys`.
    static func find(in hello: ClientHello, keys: [FakeTLSKey], order: TrialOrder) -> ClientHelloProof? {
        var found: UInt64 = 0
        var keyIndex: UInt64 = 0
        var timestamp: UInt64 = 0
        for step in 0..<order.count {
            let index = order[step]
            let difference = Difference(hello.random, keys[index].code(record: hello.record))
            let isNew = difference.isNone & ~found
            keyIndex |= isNew & UInt64(index)
            timestamp |= isNew & UInt64(difference.lastWord)
            found |= isNew
        }
        guard found != 0 else { return nil }
        return ClientHelloProof(keyIndex: Int(keyIndex), timestamp: UInt32(truncatingIfNeeded: timestamp))
    }

    /// Looks whether a single key signed the hello.
    ///
    /// - Parameter keyIndex: the place of the key.
    init?(of hello: ClientHello, by key: FakeTLSKey, keyIndex: Int) {
        let difference = Difference(hello.random, key.code(record: hello.record))
        guard difference.isNone != 0 else { return nil }
        self.init(keyIndex: keyIndex, timestamp: difference.lastWord)
    }

    /// Two blocks compared without a branch.
    private struct Difference {
        /// All ones when the first 28 bytes are equal, else zero.
        let isNone: UInt64
        /// The XOR of the last four bytes, little endian.
        let lastWord: UInt32

        init(_ left: Block32, _ right: Block32) {
            let (difference, last) = left.withUnsafeBytes { left in
                right.withUnsafeBytes { right in
                    var difference: UInt64 = 0
                    for offset in stride(from: 0, to: 24, by: 8) {
                        difference |=
                            left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                            ^ right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    }
                    difference |= UInt64(
                        left.loadUnaligned(fromByteOffset: 24, as: UInt32.self)
                            ^ right.loadUnaligned(fromByteOffset: 24, as: UInt32.self))
                    let last =
                        left.loadUnaligned(fromByteOffset: 28, as: UInt32.self)
                        ^ right.loadUnaligned(fromByteOffset: 28, as: UInt32.self)
                    return (difference, UInt32(littleEndian: last))
                }
            }
            let isSome = (difference | (0 &- difference)) >> 63
            isNone = isSome &- 1
            lastWord = last
        }
    }
}
