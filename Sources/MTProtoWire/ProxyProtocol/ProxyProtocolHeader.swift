package import NIOCore

/// The header in which a proxy in front of us (HAProxy, nginx) says whose connection it passes on.
///
/// Version 1 is one line of text of at most 107 bytes; version 2 is binary: signature (12), version and command (1),
/// family and transport (1), length (2, big endian), then addresses and optional fields of that length.
///
/// Specification: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
package enum ProxyProtocolHeader {
    /// Whose connection it is.
    package enum Source: Equatable, Sendable {
        /// A client: its numeric address in text form and its port.
        case address(host: String, port: Int)
        /// The proxy itself, for example a health check.
        case local
        /// The proxy does not say.
        case unknown
    }

    /// What is known after a look at the first bytes of a connection.
    package enum Outcome: Equatable, Sendable {
        /// A header so far.
        case needMore
        /// The first `length` bytes are a header.
        case header(Source, length: Int)
        /// No header.
        case invalid
    }

    /// The longest header of version 1 with its line end, from the specification.
    package static let maximumTextLength = 107
    /// The longest header of version 2 that is taken: 16 bytes, and much more than addresses and the fields in use
    /// need.
    package static let maximumBinaryLength = binaryPrefixLength + 2_048

    private static let textPrefix = Array("PROXY ".utf8)
    private static let signature: [UInt8] = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]
    private static let binaryPrefixLength = 16

    /// Looks for a header at the start of `bytes`, all that the connection has sent so far; consumes nothing.
    package static func parse(_ bytes: ByteBuffer) -> Outcome {
        let view = bytes.readableBytesView
        if let first = view.first, first == textPrefix[0] {
            guard zip(view, textPrefix).allSatisfy(==) else { return .invalid }
            return parseText(view)
        }
        guard zip(view, signature).allSatisfy(==) else { return .invalid }
        return parseBinary(bytes)
    }

    // MARK: Version 1

    private static func parseText(_ view: ByteBufferView) -> Outcome {
        let carriageReturn: UInt8 = 0x0d
        let line = view.prefix(maximumTextLength - 1).prefix { (0x20...0x7e).contains($0) }
        let end = view.dropFirst(line.count).prefix(2)
        guard let terminator = end.first else {
            return line.count < maximumTextLength - 1 ? .needMore : .invalid
        }
        guard terminator == carriageReturn, line.count + 2 <= maximumTextLength else { return .invalid }
        guard end.count == 2 else { return .needMore }
        guard end.last == 0x0a, let source = parseLine(line.dropFirst(textPrefix.count)) else { return .invalid }
        return .header(source, length: line.count + 2)
    }

    /// Reads what stands between "PROXY " and the line end.
    private static func parseLine(_ line: ByteBufferView) -> Source? {
        let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        // Whatever follows UNKNOWN is to be ignored.
        if fields.first == "UNKNOWN" { return .unknown }
        guard fields.count == 5 else { return nil }
        let isVersion6 = fields[0] == "TCP6"
        guard isVersion6 || fields[0] == "TCP4" else { return nil }
        guard let sourcePort = parsePort(fields[3]), let destinationPort = parsePort(fields[4]) else { return nil }
        guard
            let source = parseAddress(fields[1], port: sourcePort, isVersion6: isVersion6),
            parseAddress(fields[2], port: destinationPort, isVersion6: isVersion6) != nil
        else { return nil }
        return source
    }

    private static func parsePort(_ text: String) -> Int? {
        let isPlain = (1...5).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isPlain, text == "0" || !text.hasPrefix("0"), let port = Int(text), port <= 65_535 else { return nil }
        return port
    }

    private static func parseAddress(_ text: String, port: Int, isVersion6: Bool) -> Source? {
        // A zone would make the parser look for an interface of this machine.
        guard !text.contains("%"), let address = try? SocketAddress(ipAddress: text, port: port) else { return nil }
        switch address {
        case .v4: return isVersion6 ? nil : source(address, port: port)
        case .v6: return isVersion6 ? source(address, port: port) : nil
        case .unixDomainSocket: return nil
        }
    }

    // MARK: Version 2

    private static func parseBinary(_ bytes: ByteBuffer) -> Outcome {
        var reader = bytes
        reader.moveReaderIndex(forwardBy: min(signature.count, reader.readableBytes))
        guard let versionAndCommand = reader.readInteger(as: UInt8.self) else { return .needMore }
        guard versionAndCommand == 0x20 || versionAndCommand == 0x21 else { return .invalid }
        guard let familyAndTransport = reader.readInteger(as: UInt8.self) else { return .needMore }
        guard familyAndTransport >> 4 <= 3, familyAndTransport & 0x0f <= 2 else { return .invalid }
        guard let length = reader.readInteger(as: UInt16.self).map(Int.init) else { return .needMore }

        let tcp4: UInt8 = 0x11
        let tcp6: UInt8 = 0x21
        let isLocal = versionAndCommand & 0x0f == 0
        let addressLength = isLocal ? 0 : familyAndTransport == tcp4 ? 4 : familyAndTransport == tcp6 ? 16 : 0
        let portsLength = addressLength == 0 ? 0 : 4
        guard length >= 2 * addressLength + portsLength, binaryPrefixLength + length <= maximumBinaryLength else {
            return .invalid
        }
        guard var fields = reader.readSlice(length: length) else { return .needMore }

        let total = binaryPrefixLength + length
        if isLocal { return .header(.local, length: total) }
        guard
            addressLength > 0,
            let packed = fields.readSlice(length: addressLength),
            fields.readSlice(length: addressLength) != nil,
            let port = fields.readInteger(as: UInt16.self),
            let address = try? SocketAddress(packedIPAddress: packed, port: Int(port)),
            let source = source(address, port: Int(port))
        else { return .header(.unknown, length: total) }
        return .header(source, length: total)
    }

    /// The address in its usual notation, however it was written.
    private static func source(_ address: SocketAddress, port: Int) -> Source? {
        address.ipAddress.map { .address(host: $0, port: port) }
    }
}
