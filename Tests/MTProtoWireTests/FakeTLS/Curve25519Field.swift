/// Just enough arithmetic modulo 2^255 - 19 to tell, as an observer could, whether a key share is one.
enum Curve25519Field {
    /// Four 64-bit words, the lowest first; below 2^256, not always below the modulus.
    typealias Number = [UInt64]

    private static let one: Number = [1, 0, 0, 0]
    private static let zero: Number = [0, 0, 0, 0]

    /// Whether the 32 bytes are the x-coordinate of a point on Curve25519: y^2 = x^3 + 486662 x^2 + x has a solution.
    static func isOnCurve(_ bytes: [UInt8]) -> Bool {
        var x = zero
        for (index, byte) in bytes.enumerated() { x[index / 8] |= UInt64(byte) << UInt64(8 * (index % 8)) }
        x[3] &= .max >> 1
        // x (x (x + 486662) + 1)
        let square = multiply(x, add(multiply(x, add(x, [486_662, 0, 0, 0])), one))
        let symbol = reduced(legendrePower(square))
        return symbol == one || symbol == zero
    }

    /// The number to the power of (p - 1) / 2 = 2^254 - 10: 1 for squares.
    private static func legendrePower(_ number: Number) -> Number {
        // 2^254 - 10 in binary: 250 ones, then 0110.
        var result = one
        for bit in (0..<254).reversed() {
            result = multiply(result, result)
            let isSet = bit >= 4 || bit == 2 || bit == 1
            if isSet { result = multiply(result, number) }
        }
        return result
    }

    private static func add(_ left: Number, _ right: Number) -> Number {
        var sum = zero
        var carry: UInt64 = 0
        for index in 0..<4 {
            let (partial, first) = left[index].addingReportingOverflow(right[index])
            let (total, second) = partial.addingReportingOverflow(carry)
            sum[index] = total
            carry = (first ? 1 : 0) + (second ? 1 : 0)
        }
        // 2^256 is 38 modulo p; a second carry is only possible from tiny numbers, and is then absorbed.
        return carry == 0 ? sum : add(sum, [38, 0, 0, 0])
    }

    private static func multiply(_ left: Number, _ right: Number) -> Number {
        var product = [UInt64](repeating: 0, count: 8)
        for i in 0..<4 {
            var carry: UInt64 = 0
            for j in 0..<4 {
                let (high, low) = left[i].multipliedFullWidth(by: right[j])
                let (first, overflow1) = product[i + j].addingReportingOverflow(low)
                let (second, overflow2) = first.addingReportingOverflow(carry)
                product[i + j] = second
                carry = high + (overflow1 ? 1 : 0) + (overflow2 ? 1 : 0)
            }
            product[i + 4] = carry
        }
        return add(Array(product[..<4]), times38(Array(product[4...])))
    }

    /// 38 times the number, folded below 2^256.
    private static func times38(_ number: Number) -> Number {
        var result = zero
        var carry: UInt64 = 0
        for index in 0..<4 {
            let (high, low) = number[index].multipliedFullWidth(by: 38)
            let (sum, overflow) = low.addingReportingOverflow(carry)
            result[index] = sum
            carry = high + (overflow ? 1 : 0)
        }
        return add(result, [38 * carry, 0, 0, 0])
    }

    /// The number below the modulus.
    private static func reduced(_ number: Number) -> Number {
        // Adding 19 carries into bit 255 exactly when the number is not below the modulus.
        var result = number
        for _ in 0..<2 {
            let top = result[3] >> 63
            result[3] &= .max >> 1
            result = add(result, [19 * top, 0, 0, 0])
        }
        let carried = add(result, [19, 0, 0, 0])
        guard carried[3] >> 63 == 1 else { return result }
        return [carried[0], carried[1], carried[2], carried[3] & .max >> 1]
    }
}
