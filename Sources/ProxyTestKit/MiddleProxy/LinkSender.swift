/// Numbers, frames, fills and enciphers what one end of a link sends.
package struct LinkSender: Sendable {
    /// What the next frame ends with.
    package var checksum = LinkChecksum.crc32
    /// Nil while the link is plain.
    package var cipher: LinkCipher?
    /// The number of the next frame: -2, -1, 0 and so on.
    package private(set) var sequence: Int32 = -2
    private var plain: [UInt8] = []

    package init() {}

    /// Puts a frame behind those that wait.
    package mutating func add(
        _ payload: [UInt8],
        style: MiddleProxyBehaviour.Style = MiddleProxyBehaviour.Style(),
        fault: LinkFrame.Fault? = nil
    ) {
        for _ in 0..<style.fillersBeforeFrame { plain += LinkFrame.filler }
        let fault = fault ?? style.faults[sequence]
        plain += LinkFrame.encode(payload, sequence: sequence, checksum: checksum, fault: fault)
        sequence &+= 1
        if style.padsEachFrame { pad() }
    }

    /// Puts bytes behind the frames that wait, as they are.
    package mutating func add(raw bytes: [UInt8]) {
        plain += bytes
    }

    /// What goes on the wire for all that was added: whole blocks once there is a cipher.
    package mutating func take() throws -> [UInt8] {
        defer { plain = [] }
        guard cipher != nil else { return plain }
        pad()
        return try cipher?.encrypt(plain) ?? []
    }

    private mutating func pad() {
        while plain.count % 16 != 0, plain.count % 4 == 0 { plain += LinkFrame.filler }
        // Bytes that are no words come from tests only.
        plain += [UInt8](repeating: 0, count: (16 - plain.count % 16) % 16)
    }
}
