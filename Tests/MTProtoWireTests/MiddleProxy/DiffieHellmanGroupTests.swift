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
        ba681c22dc617b3e370cfea0e16b6f629144637309e8ac1ad65ffeaa64df38a74a37a3407096586db7ff59b82ee63f4c
        9c677c161746341cbed5128126d278887ee78a2b2d6d4bb1016b05c687568d11c9d00d234a62fff40366758ae299986f
        3bc259949c3c57be142a8c0976efad73f036fcac567457843890743e93870156829233ce6f780305701ef92f98531f5d
        eb5f2c305008dad75ef81cae5b35aed62cf1f77e9c294d3b7b22efafec25dda373d22325b4c3d4c2ed838fe913479f34
        15e8f1dd098d288db5c64803ae0a7abaa2975f3463f928e6901f2a4dcdaf9a33581fb69b870501e4d92364403c78df63
        860504afd867824c7cfd741c3a379725
        """)
    static let publicOfSecond = bytes(
        """
        b045fd5c9a057b9dec2526b5ac62d8665aa782702876f0be555a0da307030aed6b3c66fff2e28059bbda6911c04eb380
        c8e672390cfde00b56dd744191824cd8b4a5ac3217501136f4223f7f741f334a879d0a98cea1e3d8be786cdf021e6346
        57802767a3b337c02eb431bc68a50c8eb9c556e31e167ecd616dfd92e88a614016b297af35376fb2794518e70a78cc05
        360e120a35aea6d952b002f34cf035bc82fb0c6b89e84e7a25d471a923c44048ccaa373ba7bb165d768c90ef834f1e96
        79f9efb639d975772be570ded66364902ad66c8751f86f61119ecb78effb97d5ea38ab5e517c9d8f5c3f2b5edcdb3c09
        45bbf32a199b4b248bbafd0fafdf7bc2
        """)
    static let shared = bytes(
        """
        5c1cec9c6bd1a283273d672609ba6f640d4f7df60e6519b29401c1e0b936fdd5ddb04d818bd3a9a7f49eb655f911d19b
        2415a83ce97ad712f4d8b16dc8e8b669c6f364964f6d10ffc1a126f6c9b10b18bc3efb3ad772c4a8881df87a0cc9b657
        9368fb658f4344e389c8aba9510ddf5514b417ba2a240b7d263a38a74b79a45b6f2d21798ec84995431d3e77c4fc3a74
        cd6fbba6176fb88f071926d52b8da85aa516cb715fbde0aba8064ac740495d995edcdb62cf06a036ec3bd5437d37cdb0
        ff448b0fb00090905f6f204c51d14bf2019b35b023d6b2a4eb38970d9323bcea2f138f8e3a257bb80c9acfb808f9174e
        e4ee4e26abe15117cad637a07b3413e9
        """)
    /// Short, because the numbers are slow without optimization.
    static let firstExponent = Array(UInt8(1)...8)
    static let secondExponent = Array(UInt8(101)...108)

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
