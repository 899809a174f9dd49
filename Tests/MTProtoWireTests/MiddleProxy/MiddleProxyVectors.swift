import MTProtoWire
import Testing

/// middleproxy.json: keys, frames and whole links, taken from Telegram's own proxy and from others.
struct MiddleProxyVectors: Decodable, Sendable {
    struct KeyDerivation: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        var srvNonce: Hex
        var cltNonce: Hex
        var cltTs: UInt32
        var srvIp: String
        var srvPort: UInt16
        var cltIp: String
        var cltPort: UInt16
        var secret: Hex
        var keySelect: UInt32
        var prekeyClient: Hex
        var prekeyServer: Hex
        var clientWriteKey: Hex
        var clientWriteIv: Hex
        var clientReadKey: Hex
        var clientReadIv: Hex

        var testDescription: String { name }

        func material() throws -> MiddleProxyKeys.Material {
            MiddleProxyKeys.Material(
                serverNonce: try srvNonce.block16(), clientNonce: try cltNonce.block16(), clientTime: cltTs,
                server: Endpoint(address: try #require(IPAddress(srvIp)), port: srvPort),
                client: Endpoint(address: try #require(IPAddress(cltIp)), port: cltPort),
                secret: try #require(MiddleProxySecret(bytes: secret.bytes)))
        }
    }

    struct DiffieHellman: Decodable, Sendable {
        var baseVector: String
        var tempKeyGAb: Hex
        var clientWriteKey: Hex
        var clientWriteIv: Hex
        var clientReadKey: Hex
        var clientReadIv: Hex
    }

    struct Sequence: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        var secret: Hex
        var srv: Place
        var clt: Place
        var ts: UInt32
        var srvNonce: Hex
        var cltNonce: Hex
        var clientWriteKey: Hex
        var clientWriteIv: Hex
        var clientReadKey: Hex
        var clientReadIv: Hex
        var steps: [Step]

        var testDescription: String { name }
    }

    struct Step: Decodable, Sendable {
        var dir: String
        var step: String
        var bytes: Hex?
        var plain: Hex?
        var cipher: Hex?
        var decoded: Request?
    }

    struct Request: Decodable, Sendable {
        var remotePort: UInt16?
        var extra: Hex?
        var dataLen: Int?
    }

    /// `["192.0.2.1", 8888]`.
    struct Place: Decodable, Sendable {
        var endpoint: Endpoint

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            guard let address = IPAddress(try container.decode(String.self)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an address")
            }
            endpoint = Endpoint(address: address, port: try container.decode(UInt16.self))
        }
    }

    struct Framing: Decodable, Sendable, CustomTestStringConvertible {
        var seq: Int32
        var payload: Hex
        var frameCrc32: Hex
        var frameCrc32C: Hex
        var paddedForCbc: Hex

        var testDescription: String { "frame \(seq)" }
    }

    struct CheckValues: Decodable, Sendable {
        var inputAscii: String
        var crc32: String
        var crc32c: String
    }

    struct Answer: Decodable, Sendable {
        var name: String
        var payload: Hex
        var data: Hex?
        var reply: Hex?
        var toClientAbridged: Hex?
        var toClientIntermediate: Hex?
    }

    struct RequestSample: Decodable, Sendable {
        var payload: Hex
        var connId: UInt64
        var adTag: String
        var dataLen: Int
    }

    var keyDerivation: [KeyDerivation]
    var keyDerivationDhSchema3: DiffieHellman
    var handshakeSequences: [Sequence]
    var framing: [Framing]
    var crcCheckValues: CheckValues
    var answers: [Answer]
    var proxyReqSamples: [RequestSample]

    func answer(_ name: String) throws -> Answer {
        try #require(answers.first { $0.name.hasPrefix(name) })
    }
}

/// Joins a key and an IV of the vectors.
func cbcKey(_ key: Hex, _ iv: Hex) throws -> CBCKey {
    CBCKey(key: try key.block32(), iv: try iv.block16())
}
