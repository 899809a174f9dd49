/// One of Telegram's data centers, as a client names it in its obfuscated2 header.
///
/// On the wire it is an `Int16`: the number itself, negative for the media servers of that data center, and with 10000
/// added to the number for the test environment (as tdlib does for MTProto proxies).
package struct DataCenter: Hashable, Sendable {
    /// The number without sign and without the test offset: 1...5, 203 and whatever comes next.
    package var id: Int
    /// Whether the client asked for the media servers.
    package var isMedia: Bool
    /// Whether the client asked for the test environment.
    package var isTest: Bool

    /// What tdlib adds to a number in the test environment.
    private static let testOffset = 10_000

    package init(id: Int, isMedia: Bool = false, isTest: Bool = false) {
        self.id = id
        self.isMedia = isMedia
        self.isTest = isTest
    }

    /// Reads the value of a client's header; nil when it names no data center (0, or the bare test offset).
    ///
    /// - Parameter forceTest: treat every number as one of the test environment, for clients that do not add the
    /// offset.
    package init?(wire: Int16, forceTest: Bool = false) {
        let magnitude = abs(Int(wire))
        let isOffset = magnitude >= Self.testOffset
        let id = isOffset ? magnitude - Self.testOffset : magnitude
        guard id != 0 else { return nil }
        self.init(id: id, isMedia: wire < 0, isTest: forceTest || isOffset)
    }

    /// What goes into the header for the upstream: the number, negative for media.
    ///
    /// The test offset is left out: the upstream's address or path, not its header, says which environment it belongs
    /// to (observed: proxies that serve the test environment leave it out).
    package var wireValue: Int16 {
        let number = Int16(clamping: id)
        return isMedia ? 0 &- number : number
    }
}

extension DataCenter: CustomStringConvertible {
    /// Short text for logs: "2", "2m" for media, "2t" for test, "2tm" for both.
    package var description: String {
        "\(id)\(isTest ? "t" : "")\(isMedia ? "m" : "")"
    }
}
