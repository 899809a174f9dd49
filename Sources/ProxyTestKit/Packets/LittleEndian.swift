/// The bytes of a number, least significant first.
func bytesOf(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// The number whose bytes stand at `offset`, least significant first; 0 where there are not enough.
func littleEndian<Number: FixedWidthInteger & UnsignedInteger>(_ bytes: [UInt8], at offset: Int, as: Number.Type)
    -> Number
{
    let size = Number.bitWidth / 8
    guard offset >= 0, offset + size <= bytes.count else { return 0 }
    return bytes[offset..<offset + size].reversed().reduce(0) { $0 << 8 | Number($1) }
}
