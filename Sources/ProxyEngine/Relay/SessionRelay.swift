import NIOCore
import ProxyPolicy

/// What carries an established session's bytes, as its client's connection sees it.
protocol SessionRelay: AnyObject {
    var route: Route { get }
    /// Whether the upstream stood before the client came; see ``OpenRoute/wasWarm``.
    var wasWarm: Bool { get }
    /// Whether the upstream has sent anything: from then on the session cannot be moved to another route unseen.
    var hasAnswer: Bool { get }
    /// What the client has said so far, as it came; nil once the upstream answered or it grew too long.
    var early: ByteBuffer? { get }
    /// Whether anything was sent to which the upstream has to say something.
    var awaitsAnswer: Bool { get }
    /// Stream bytes of the client.
    var bytesUp: Int { get }
    /// Stream bytes for the client.
    var bytesDown: Int { get }
    /// Bytes that are held in memory for this session, apart from the client's own queue.
    var heldBytes: Int { get }
    /// The upstream has no half-close: its end is the session's.
    var endsWholly: Bool { get }

    /// Begins with what the client said while the route was being found.
    func start(early: ByteBuffer)
    func beginUp(bytes: Int)
    /// Stream bytes of the client, without any outer framing.
    func up(_ bytes: UnsafeRawBufferPointer)
    func endUp()
    func clientEnded()
    func clientWritabilityChanged(isWritable: Bool)
    /// Holds what comes for the client back, or lets it flow again, where that can be done for this client alone.
    func holdDown(_ isHeld: Bool)
    /// - Parameter flushing: what the client said before its end shall still go out.
    func close(flushing: Bool)
}

/// Why a client or an upstream is not read at the moment; it is read again when the last reason is gone.
struct Holds: OptionSet {
    let rawValue: UInt8

    /// The other side has enough for now.
    static let otherSide = Holds(rawValue: 1)
    /// The user's rate, of what comes for the client.
    static let rate = Holds(rawValue: 2)
    /// The user's rate, of what comes from the client.
    static let rateUp = Holds(rawValue: 8)
    /// The client's secret is being looked for, or its route is being found, or found again.
    static let route = Holds(rawValue: 4)
    /// Its HTTP request is being answered.
    static let query = Holds(rawValue: 16)
}
