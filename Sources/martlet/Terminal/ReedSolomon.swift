/// Check codewords over GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1, as QR codes use them.
struct ReedSolomon {
    /// Coefficients of the generator polynomial, highest power first, without the leading 1.
    private let divisor: [UInt8]

    /// - Parameter degree: how many check codewords are made.
    init(degree: Int) {
        var divisor = [UInt8](repeating: 0, count: max(degree, 1))
        divisor[divisor.count - 1] = 1
        var root: UInt8 = 1
        for _ in 0..<divisor.count {
            for index in divisor.indices {
                divisor[index] = Self.multiply(divisor[index], root)
                if index + 1 < divisor.count { divisor[index] ^= divisor[index + 1] }
            }
            root = Self.multiply(root, 2)
        }
        self.divisor = divisor
    }

    /// The remainder of the data divided by the generator.
    func checkCodewords(for data: some Sequence<UInt8>) -> [UInt8] {
        var remainder = [UInt8](repeating: 0, count: divisor.count)
        for byte in data {
            let factor = byte ^ remainder.removeFirst()
            remainder.append(0)
            for index in remainder.indices { remainder[index] ^= Self.multiply(divisor[index], factor) }
        }
        return remainder
    }

    static func multiply(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var product: UInt8 = 0
        for bit in (0..<8).reversed() {
            product = (product << 1) ^ (product >> 7 == 1 ? 0x1D : 0)
            if right >> UInt8(bit) & 1 == 1 { product ^= left }
        }
        return product
    }
}
