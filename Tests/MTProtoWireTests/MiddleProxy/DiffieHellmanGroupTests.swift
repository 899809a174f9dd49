import MTProtoWire
import Testing

/// A group and an exchange in it, calculated with Python's `pow`.
enum DiffieHellmanSample {
    /// The 2048-bit prime of RFC 3526.
    static let prime = bytes(
        """
        ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd
        ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed
        ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f
        83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b
        e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510
        15728e5a8aacaa68ffffffffffffffff
        """)
    static let publicOfFirst = bytes(
        """
        94fb44e242b2b45174efb8e53bb1ed164f8581f7e3d97e887102333e5b975e132cf1db066cc2325e819f5b7c001a5bac
        eff698ef0b65ae25ad5cf2fae337660037f5e371bb61842397bdd9109a411b696d3416957b5f3bd4e4aa565a9cefefbf
        bce4ef332bef942ded2d53e25121af13d553a32360efc9cf12e68033c08cdf4916a922a39212b96b0f9a6f681d262e91
        6c5e8334e03edc2aceba09409b2a5b7998b66848981432b17e7a36e9af96ee83280d5df090e18aa09ba0df522f5b7451
        f2d0ceba59df8ad9c905a3402454dc27421fa22d3e1dc57022e2f31f24f3c577b841165f8ab702af43fd01b9a21303a5
        5c47da885e96c32e0920db4145737607
        """)
    static let publicOfSecond = bytes(
        """
        c9e928f3d1a9bca62ea8d15c78fda8836a29bbd92b07df9a24292da85654c25f7f5162c46e200059dba768f32943a0cd
        65a97862661d6fc4001f6a69d814381daddc606503ef9f8f8d53ccd4d9032a3a41e454727d74f725a1db8eabeb2432ee
        d68aaad11a61ccb783155a0aaa7a7bcdf62ebe6f1b3f90b9c08cd33f39ed7a09af567d0f42363703381e57ae8883932c
        2b34b38baee82309275e262c3f76940dc457cc00daa94438718ab6c4e8d5d518d38a78e893acbbcaa452db112011aefa
        e8aa82c9f39f685eeea9367f97a166bb3cd4edfbff1a382a96f7901552735e9089b55997d6c5c4ddb0539ed523773b8d
        bef84f87827a11d98c45481493bd19ff
        """)
    static let shared = bytes(
        """
        65c26220d9d0c7e1e84a672456a8e18b68092dcfdd3faaa1bf267302914cd1b528d56dd1c0e584468fb07335bbba85a9
        7de89a5c37e2e18464ab1ac64f4d70b07d2d1909c5db7b5da550525ed42c55d04965e0c04e1bc9c68ebf8eafe1313b16
        6121d8e5304c7533a314e37636ff9f209450de561bded073142256c8bcef817a500e5cef6fee592af6b80ea64fc493e1
        a8ab5cc6766d99cbc19c46430a015efc6f9f08b8f9a52bba5fb622eb778b60e7aa5748195f0402d050404c0b0b47450f
        a49f59076bf7ba13d8c645e90a19c0f32eed9f8b40f297a7e04e8f3a0b979afc26e51609f5a8d98c1acbb666a7fbb05f
        1eb57584e03e083141aab83755a6c46a
        """)
    /// 1...32 and 101...132, as big-endian numbers.
    static let firstExponent = Array(UInt8(1)...32)
    static let secondExponent = Array(UInt8(101)...132)

    static func group() throws -> DiffieHellmanGroup {
        try #require(DiffieHellmanGroup(prime: prime))
    }

    private static func bytes(_ text: String) -> [UInt8] {
        [UInt8](hex: text) ?? []
    }
}

@Suite("DiffieHellmanGroup")
struct DiffieHellmanGroupTests {
    private typealias Sample = DiffieHellmanSample

    @Test("Both sides come to the same secret")
    func exchange() throws {
        let group = try Sample.group()
        #expect(group.publicValue(exponent: Sample.firstExponent) == Sample.publicOfFirst)
        #expect(group.publicValue(exponent: Sample.secondExponent) == Sample.publicOfSecond)
        #expect(group.shared(value: Sample.publicOfSecond, exponent: Sample.firstExponent) == Sample.shared)
        #expect(group.shared(value: Sample.publicOfFirst, exponent: Sample.secondExponent) == Sample.shared)
    }

    @Test("Short values keep their zeros, short exponents are numbers all the same")
    func small() throws {
        let group = try Sample.group()
        #expect(group.publicValue(exponent: [2]) == Array(repeating: 0, count: 255) + [9])
        #expect(group.publicValue(exponent: []) == Array(repeating: 0, count: 255) + [1])
        #expect(
            group.publicValue(exponent: [0, 0, 0, 0, 0, 0, 0, 0, 0, 40]).suffix(8) == [
                0xa8, 0xb8, 0xb4, 0x52, 0x29, 0x1f, 0xe8, 0x21,
            ])
    }

    @Test("A prime has 2048 bits and is odd")
    func primes() {
        #expect(DiffieHellmanGroup(prime: Sample.prime.dropLast()) == nil)
        #expect(DiffieHellmanGroup(prime: [0] + Sample.prime) == nil)
        #expect(DiffieHellmanGroup(prime: [UInt8]()) == nil)
        var prime = Sample.prime
        prime[255] &= 0xfe
        #expect(DiffieHellmanGroup(prime: prime) == nil)
        prime = Sample.prime
        prime[0] &= 0x7f
        #expect(DiffieHellmanGroup(prime: prime) == nil)
    }

    @Test("Values near 0 or near the prime are refused")
    func values() throws {
        let group = try Sample.group()
        let zeros = [UInt8](repeating: 0, count: 256)
        func value(_ place: Int, _ byte: UInt8, of base: [UInt8]) -> [UInt8] {
            var copy = base
            copy[place] = byte
            return copy
        }
        for weak in [
            zeros, value(255, 1, of: zeros), value(255, 3, of: zeros), value(8, 0xff, of: zeros), Sample.prime,
            value(255, 0xfe, of: Sample.prime), [UInt8](repeating: 0xff, count: 256), [],
            Array(Sample.shared.dropLast()),
            Sample.shared + [0], [0] + Sample.shared,
        ] {
            #expect(!group.accepts(weak))
            #expect(group.shared(value: weak, exponent: [5]) == nil)
        }
        // 2^(2048 - 64) is the first good one, and the prime minus that the last.
        #expect(group.accepts(value(7, 1, of: zeros)))
        #expect(group.accepts(value(7, 0xfe, of: Sample.prime)))
        #expect(!group.accepts(value(255, 0xff, of: value(7, 0xff, of: Sample.prime))))
    }
}
