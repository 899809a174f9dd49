import MTProtoWire
import Testing

@Suite
struct KeyQueryTests {
    private let nonce = Block16(bytes: Array(0x30...0x3f)) ?? Block16()

    @Test
    func `The query is an unencrypted message with req_pq_multi and the nonce`() {
        let payload = KeyQuery.payload(nonce: nonce, unixMilliseconds: 1_700_000_000_500)
        #expect(payload.count == KeyQuery.requestLength)
        #expect(payload[0..<8].allSatisfy { $0 == 0 })
        // Seconds stand in the upper half of the message id, whose last two bits are zero for a client.
        #expect(Array(payload[12..<16]) == [0x00, 0xf1, 0x53, 0x65])
        #expect(payload[8] & 3 == 0)
        #expect(Array(payload[16..<24]) == [20, 0, 0, 0, 0xf1, 0x8e, 0x7e, 0xbe])
        #expect(Array(payload[24...]) == nonce.bytes)
    }

    private func answer(_ constructor: [UInt8], _ nonce: [UInt8], key: UInt8 = 0) -> [UInt8] {
        [key, 0, 0, 0, 0, 0, 0, 0] + [1, 0, 0, 0, 0, 0xf1, 0x53, 0x65] + [84, 0, 0, 0] + constructor + nonce
            + [UInt8](repeating: 7, count: 64)
    }

    @Test
    func `Only an answer with our nonce is one`() {
        let resPQ: [UInt8] = [0x63, 0x24, 0x16, 0x05]
        #expect(KeyQuery.judge(answer(resPQ, nonce.bytes), nonce: nonce) == .answered)
        #expect(KeyQuery.judge(answer(resPQ, Array(0...15)), nonce: nonce) == .otherNonce)
        #expect(KeyQuery.judge(answer(resPQ, nonce.bytes, key: 1), nonce: nonce) == .noAnswer)
        #expect(KeyQuery.judge(answer([0xf1, 0x8e, 0x7e, 0xbe], nonce.bytes), nonce: nonce) == .noAnswer)
    }

    @Test
    func `What is cut off anywhere is no answer`() {
        let whole = answer([0x63, 0x24, 0x16, 0x05], nonce.bytes)
        for count in 0..<KeyQuery.requestLength {
            #expect(KeyQuery.judge(whole.prefix(count), nonce: nonce) == .noAnswer)
        }
        #expect(KeyQuery.judge([], nonce: nonce) == .noAnswer)
    }
}
