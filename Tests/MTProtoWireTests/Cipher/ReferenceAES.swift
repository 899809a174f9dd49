import MTProtoWire

/// AES-256 as FIPS 197 writes it down, byte by byte with an S-box: slow, and independent of the product's.
struct ReferenceAES {
    private static let substitutions = makeSubstitutions()
    private var roundKeys: [[UInt8]]

    init(key: [UInt8]) {
        precondition(key.count == 32)
        var words = stride(from: 0, to: 32, by: 4).map { Array(key[$0..<$0 + 4]) }
        var roundConstant: UInt8 = 1
        for index in 8..<60 {
            var word = words[index - 1]
            if index % 8 == 0 {
                word = [word[1], word[2], word[3], word[0]].map(Self.substitute)
                word[0] ^= roundConstant
                roundConstant = Self.double(roundConstant)
            } else if index % 8 == 4 {
                word = word.map(Self.substitute)
            }
            words.append(zip(words[index - 8], word).map { $0 ^ $1 })
        }
        roundKeys = stride(from: 0, to: 60, by: 4).map { Array(words[$0..<$0 + 4].joined()) }
    }

    /// `count` bytes of CTR keystream from a byte offset, the counter being all 16 bytes of `iv`, big-endian.
    func keystream(iv: [UInt8], offset: UInt64, count: Int) -> [UInt8] {
        let skipped = Int(offset % 16)
        var counter = Self.adding(offset / 16, to: iv)
        var bytes: [UInt8] = []
        while bytes.count < skipped + count {
            bytes += encrypt(counter)
            counter = Self.adding(1, to: counter)
        }
        return Array(bytes[skipped..<skipped + count])
    }

    /// Whole blocks in CBC mode.
    func cbc(iv: [UInt8], _ plaintext: [UInt8]) -> [UInt8] {
        var chain = iv
        return stride(from: 0, to: plaintext.count, by: 16).flatMap { start in
            chain = encrypt(Self.xor(chain, Array(plaintext[start..<start + 16])))
            return chain
        }
    }

    func encrypt(_ block: [UInt8]) -> [UInt8] {
        var state = Self.xor(block, roundKeys[0])
        for round in 1...14 {
            // ShiftRows and SubBytes: row r of column c comes from column c + r.
            var next = (0..<16).map { Self.substitute(state[($0 + 4 * ($0 % 4)) % 16]) }
            if round < 14 { next = Self.mixColumns(next) }
            state = Self.xor(next, roundKeys[round])
        }
        return state
    }

    private static func mixColumns(_ state: [UInt8]) -> [UInt8] {
        (0..<16).map { place in
            let column = place - place % 4
            func row(_ distance: Int) -> UInt8 { state[column + (place + distance) % 4] }
            return double(row(0)) ^ double(row(1)) ^ row(1) ^ row(2) ^ row(3)
        }
    }

    private static func substitute(_ byte: UInt8) -> UInt8 { substitutions[Int(byte)] }

    private static func double(_ byte: UInt8) -> UInt8 { byte << 1 ^ (byte & 0x80 == 0 ? 0 : 0x1b) }

    private static func xor(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] { zip(left, right).map { $0 ^ $1 } }

    private static func adding(_ number: UInt64, to counter: [UInt8]) -> [UInt8] {
        var sum = counter
        var rest = number
        for place in sum.indices.reversed() {
            let (digit, overflow) = sum[place].addingReportingOverflow(UInt8(truncatingIfNeeded: rest))
            sum[place] = digit
            rest = rest >> 8 + (overflow ? 1 : 0)
        }
        return sum
    }

    /// FIPS 197 section 5.1.1: the inverse in GF(2^8), then the affine map. 3 and 0xf6 are inverse generators.
    private static func makeSubstitutions() -> [UInt8] {
        var table = [UInt8](repeating: 0x63, count: 256)
        var power: UInt8 = 1
        var inverse: UInt8 = 1
        repeat {
            power ^= double(power)
            inverse = multiply(inverse, 0xf6)
            let turns = (1...4).map { inverse << $0 | inverse >> (8 - $0) }
            table[Int(power)] = turns.reduce(inverse ^ 0x63, ^)
        } while power != 1
        return table
    }

    private static func multiply(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var product: UInt8 = 0
        var doubled = left
        for bit in 0..<8 {
            if right >> bit & 1 == 1 { product ^= doubled }
            doubled = double(doubled)
        }
        return product
    }
}
