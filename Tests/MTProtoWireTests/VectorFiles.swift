import Foundation
import MTProtoWire
import Testing

/// Golden vectors made with other implementations of the protocols; each says which.
enum VectorFiles {
    static let obfuscated2: Obfuscated2Vectors = load("obfuscated2")
    static let fakeTLS: FakeTLSVectors = load("faketls")
    static let middleProxy: MiddleProxyVectors = load("middleproxy")

    private static func load<Vectors: Decodable>(_ name: String) -> Vectors {
        guard let url = Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Vectors") else {
            preconditionFailure("Vectors/\(name).json is not among the test resources")
        }
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(Vectors.self, from: Data(contentsOf: url))
        } catch {
            preconditionFailure("Vectors/\(name).json: \(error)")
        }
    }
}

/// obfuscated2.json: headers of clients as a server must understand them.
struct Obfuscated2Vectors: Decodable, Sendable {
    struct Vector: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        var dc: Int16
        var secret: Hex?
        var wireHeader64: Hex
        var serverDecryptKey: Hex
        var serverDecryptIv: Hex
        var serverEncryptKey: Hex
        var serverEncryptIv: Hex
        var decryptedBytes5663: Hex
        var firstFramePlain: Hex?
        var firstFrameWire: Hex?
        var serverToClientKeystreamFirst32: Hex?
        var clientToServerKeystream6480: Hex?

        var testDescription: String { name }
    }

    var vectors: [Vector]
}

/// faketls.json: hellos of clients and servers.
struct FakeTLSVectors: Decodable, Sendable {
    struct ClientHello: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        var length: Int
        var bytes: Hex
        var clientRandom: Hex
        var hmac: Hex
        var first28Match: Bool
        var timestamp: UInt32?
        var sessionId: Hex
        var acceptSecret: Hex?

        var testDescription: String { name }
    }

    struct ServerHello: Decodable, Sendable, CustomTestStringConvertible {
        var source: String
        var clientHello: String
        var records: [[Int]]
        var response: Hex
        var serverRandom: Hex

        var testDescription: String { source }
    }

    struct Probe: Decodable, Sendable {
        var domain: String
        var bytes: Hex
    }

    struct Template: Decodable, Sendable {
        var record: Hex
        var extSupportedVersions: Hex
    }

    var t0: UInt32
    var secret: Hex
    var domain: String
    var clientHellos: [ClientHello]
    var serverHellos: [ServerHello]
    var probeClientHelloSentByOfficialCToCoverSite: Probe
    var serverHelloTemplate: Template

    enum CodingKeys: String, CodingKey {
        case t0 = "T0"
        case secret, domain, clientHellos, serverHellos, probeClientHelloSentByOfficialCToCoverSite, serverHelloTemplate
    }

    func clientHello(named name: String) throws -> ClientHello {
        try #require(clientHellos.first { $0.name == name })
    }
}

/// Bytes written in hexadecimal.
struct Hex: Decodable, Sendable, Equatable {
    var bytes: [UInt8]

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let bytes = [UInt8](hex: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not hexadecimal")
        }
        self.bytes = bytes
    }

    func block16() throws -> Block16 { try #require(Block16(bytes: bytes)) }
    func block32() throws -> Block32 { try #require(Block32(bytes: bytes)) }
}

extension [UInt8] {
    /// Reads hexadecimal; blanks do not count.
    init?(hex: String) {
        let digits = hex.filter { !$0.isWhitespace }
        guard digits.count.isMultiple(of: 2) else { return nil }
        self = []
        var rest = digits[...]
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            append(byte)
            rest = rest.dropFirst(2)
        }
    }

    var hex: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// The bytes of a literal in hexadecimal.
func unhex(_ text: String) throws -> [UInt8] {
    try #require([UInt8](hex: text))
}
