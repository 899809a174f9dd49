import MTProtoWire
import ProxyPolicy
import ProxyTestKit
import Testing

@testable import ProxyStore

@Suite
struct UserFieldsTests {
    private func decoded(_ json: String) throws -> UserFields {
        try ControlLine.decode(UserFields.self, json.utf8, code: .invalid)
    }

    @Test
    func `Absent stays, null removes, a value sets`() throws {
        let user = try fullUser("anna", 1)
        #expect(try decoded("{}").applied(to: user) == user)
        let bare = try decoded(
            """
            {"ad_tag":null,"expires":null,"max_connections":null,"max_addresses":null,"address_window":null,
             "quota":null,"rate_up":null,"rate_down":null,"allow":null,"refuse":null,"note":null,"enabled":null}
            """
        ).applied(to: user)
        #expect(bare == User(name: "anna", secrets: user.secrets))
        let some = try decoded(#"{"max_addresses":5,"quota":{"day":7,"period":"week"}}"#).applied(to: user)
        #expect(some.maximumAddresses == 5 && some.maximumConnections == 7)
        #expect(some.quota == TrafficQuota(bytes: 50_000_000_000, period: .week(startingOn: 7)))
    }

    @Test
    func `A period without a day starts on its first, and keeps the day it has`() throws {
        let user = try fullUser("anna", 1)
        #expect(try decoded(#"{"quota":{"bytes":5}}"#).applied(to: user).quota?.period == .month(startingOn: 31))
        #expect(try decoded(#"{"quota":{"period":"week"}}"#).applied(to: user).quota?.period == .week(startingOn: 1))
        #expect(try decoded(#"{"quota":{"period":"none"}}"#).applied(to: user).quota?.period == .never)
    }

    @Test(
        arguments: [
            #"{"nmae":"anna"}"#, #"{"quota":{"bytes":1,"perod":"day"}}"#, #"{"max_connections":"three"}"#,
            #"{"max_connections":0}"#, #"{"max_connections":-1}"#, #"{"max_connections":1e30}"#,
            #"{"max_addresses":0}"#, #"{"address_window":1}"#, #"{"expires":-5}"#, #"{"expires":9e18}"#,
            #"{"rate_up":1}"#, #"{"rate_down":0}"#, #"{"quota":{"bytes":0}}"#,
            #"{"quota":{"bytes":18446744073709551615}}"#, #"{"quota":{"bytes":1,"period":"year"}}"#,
            #"{"quota":{"bytes":1,"period":"week","day":8}}"#, #"{"quota":{"bytes":1,"period":"day","day":1}}"#,
            #"{"quota":{"period":"day"}}"#, #"{"ad_tag":"xyz"}"#, #"{"allow":["10.0.0.1/8"]}"#,
            #"{"refuse":["nowhere"]}"#, #"{"secrets":["zz"]}"#, #"{"secrets":[]}"#, #"{"secrets":null}"#,
            "[]", "7", "null", "{", "",
        ])
    func `What is wrong is refused in words`(json: String) throws {
        let error = try #require(throws: ControlError.self) {
            try decoded(json).applied(to: User(name: "anna", secrets: [try secret(1)]))
        }
        #expect(error.code == .invalid && !error.message.isEmpty)
    }

    @Test
    func `Lists and texts have bounds`() throws {
        let user = User(name: "anna", secrets: [])
        var change = UserFields()
        change.secrets = .value((1...17).map(secretText))
        #expect(throws: ControlError.self) { try change.applied(to: user) }
        change.secrets = .value((1...16).map(secretText))
        #expect(try change.applied(to: user).secrets.count == 16)
        change.allowed = .value((0...256).map { "10.0.\($0 / 256).\($0 % 256)" })
        #expect(throws: ControlError.self) { try change.applied(to: user) }
        change.allowed = .kept
        change.note = .value(String(repeating: "ä", count: 513))
        #expect(throws: ControlError.self) { try change.applied(to: user) }
    }

    @Test(arguments: ["", "a b", "ä", String(repeating: "a", count: 65), "a/b", "a\u{1B}[31m"])
    func `A name that is none is refused and cannot command the terminal`(name: String) throws {
        let error = try #require(throws: ControlError.self) { try fields(name, 1).newUser() }
        #expect(!error.description.unicodeScalars.contains("\u{1B}"))
    }

    @Test
    func `A message never shows a secret`() throws {
        let error = try #require(throws: ControlError.self) {
            try decoded(#"{"secrets":["dd00112233445566778899aabbccddee99887766"]}"#).applied(
                to: User(name: "a", secrets: []))
        }
        #expect(!error.description.contains("00112233"))
    }
}
