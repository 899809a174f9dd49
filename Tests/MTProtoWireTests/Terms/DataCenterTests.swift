import MTProtoWire
import Testing

@Suite("DataCenter")
struct DataCenterTests {
    @Test(
        "A header's number names data center, media and test environment",
        arguments: [
            (Int16(2), DataCenter(id: 2), "2"),
            (-4, DataCenter(id: 4, isMedia: true), "4m"),
            (203, DataCenter(id: 203), "203"),
            (9_999, DataCenter(id: 9_999), "9999"),
            (10_002, DataCenter(id: 2, isTest: true), "2t"),
            (-10_002, DataCenter(id: 2, isMedia: true, isTest: true), "2tm"),
            (.max, DataCenter(id: 22_767, isTest: true), "22767t"),
            (.min, DataCenter(id: 22_768, isMedia: true, isTest: true), "22768tm"),
        ])
    func names(wire: Int16, expected: DataCenter, text: String) {
        #expect(DataCenter(wire: wire) == expected)
        #expect(expected.description == text)
    }

    @Test("Zero names no data center, with and without the test offset", arguments: [Int16(0), 10_000, -10_000])
    func zero(wire: Int16) {
        #expect(DataCenter(wire: wire) == nil)
        #expect(DataCenter(wire: wire, forceTest: true) == nil)
    }

    @Test("A forced test environment keeps number and media", arguments: [Int16(-3), -10_003])
    func forced(wire: Int16) {
        #expect(DataCenter(wire: wire, forceTest: true) == DataCenter(id: 3, isMedia: true, isTest: true))
    }

    @Test("Every number of a header can be read and goes upstream without the test offset")
    func everyNumber() {
        for wire in Int16.min ... .max {
            guard let dataCenter = DataCenter(wire: wire) else {
                #expect(wire % 10_000 == 0)
                continue
            }
            let magnitude = Int(wire.magnitude)
            let reduced = magnitude >= 10_000 ? magnitude - 10_000 : magnitude
            guard Int(dataCenter.wireValue) == (wire < 0 ? -reduced : reduced) else {
                Issue.record("\(wire) became \(dataCenter.wireValue)")
                return
            }
        }
    }

    @Test("A number too large for the header is clamped")
    func clamped() {
        #expect(DataCenter(id: 70_000).wireValue == .max)
        #expect(DataCenter(id: .min, isMedia: true).wireValue == .min)
    }
}
