import Crypto

/// The extensions of a browser's ClientHello, valid enough for a real TLS server to answer.
enum HelloExtensions {
    /// All of them in an order that a browser may choose, padding left out.
    static func make(
        shape: ClientHelloOptions.Shape,
        serverName: String?,
        using generator: inout some RandomNumberGenerator
    ) -> [UInt8] {
        let groups: [UInt8] = (shape == .modern ? [0x11, 0xec] : []) + [0, 0x1d, 0, 0x17, 0, 0x18]
        let signatures: [UInt8] = [4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1]
        let protocols: [UInt8] = [2] + Array("h2".utf8) + [8] + Array("http/1.1".utf8)
        var all: [[UInt8]] = []
        if let serverName {
            let name = Array(serverName.utf8)
            all.append(field(0x0000, prefixed([0] + prefixed(name))))
        }
        all.append(field(0x0017, []))
        all.append(field(0xff01, [0]))
        all.append(field(0x000a, prefixed([0x4a, 0x4a] + groups)))
        all.append(field(0x000b, [1, 0]))
        all.append(field(0x0023, []))
        all.append(field(0x0010, prefixed(protocols)))
        all.append(field(0x0005, [1, 0, 0, 0, 0]))
        all.append(field(0x000d, prefixed(signatures)))
        all.append(field(0x0012, []))
        all.append(field(0x0033, prefixed(keyShares(shape, &generator))))
        all.append(field(0x002d, [1, 1]))
        all.append(field(0x002b, [6, 0x6a, 0x6a, 3, 4, 3, 3]))
        all.append(field(0x001b, [2, 0, 2]))
        if shape == .modern { all.append(field(0xfe0d, encryptedHello(&generator))) }
        all.shuffle(using: &generator)
        return field(0xdada, []) + all.flatMap { $0 } + field(0x3a3a, [0])
    }

    /// Type (2 bytes), length (2 bytes), body.
    static func field(_ type: Int, _ body: [UInt8]) -> [UInt8] {
        bigEndian16(type) + prefixed(body)
    }

    private static func prefixed(_ body: [UInt8]) -> [UInt8] {
        bigEndian16(body.count) + body
    }

    private static func keyShares(
        _ shape: ClientHelloOptions.Shape,
        _ generator: inout some RandomNumberGenerator
    ) -> [UInt8] {
        let curve = Array(Curve25519.KeyAgreement.PrivateKey().publicKey.rawRepresentation)
        var shares: [UInt8] = [0x4a, 0x4a] + prefixed([0])
        if shape == .modern {
            let other = Array(Curve25519.KeyAgreement.PrivateKey().publicKey.rawRepresentation)
            shares += [0x11, 0xec] + prefixed(encapsulationKey(&generator) + other)
        }
        return shares + [0, 0x1d] + prefixed(curve)
    }

    /// 1184 bytes that parse as an ML-KEM-768 encapsulation key: 768 numbers below 3329 of 12 bits each, and a seed.
    private static func encapsulationKey(_ generator: inout some RandomNumberGenerator) -> [UInt8] {
        var key: [UInt8] = []
        for _ in 0..<384 {
            let (low, high) = (Int.random(in: 0..<3329, using: &generator), Int.random(in: 0..<3329, using: &generator))
            let packed = low | high << 12
            key += [0, 8, 16].map { UInt8(truncatingIfNeeded: packed >> $0) }
        }
        return key + randomBytes(32, &generator)
    }

    /// What a browser sends that has no ECH configuration for the host: random bytes of a plausible shape.
    private static func encryptedHello(_ generator: inout some RandomNumberGenerator) -> [UInt8] {
        [0, 0, 1, 0, 1, UInt8.random(in: 0...255, using: &generator)]
            + prefixed(randomBytes(32, &generator))
            + prefixed(randomBytes(176, &generator))
    }
}
