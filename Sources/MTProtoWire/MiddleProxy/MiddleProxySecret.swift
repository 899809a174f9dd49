/// The bytes that Telegram publishes for all proxies and that go into every link's keys.
///
/// Everybody has the same ones (128 bytes so far, at core.telegram.org/getProxySecret); they are kept out of logs all the
/// same, since an operator's own middle proxies may have others.
package struct MiddleProxySecret: Sendable, Hashable {
    /// The lengths that Telegram's own proxy takes.
    package static let lengths = 32...256

    package let bytes: [UInt8]

    /// Nil for a length outside ``lengths``.
    package init?(bytes: some Collection<UInt8>) {
        guard Self.lengths.contains(bytes.count) else { return nil }
        self.bytes = Array(bytes)
    }

    /// How both sides name the secret: its first four bytes, little endian.
    package var keySelector: UInt32 {
        bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension MiddleProxySecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The length and no more: safe to log.
    package var description: String { "middle-proxy secret of \(bytes.count) bytes …" }

    package var debugDescription: String { description }

    /// Empty, so that `dump` shows nothing.
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
