import MTProtoWire
import ProxyEngine
import ProxyPolicy
import Testing

/// Which sockets go with which configured places.
@Suite struct InheritedSocketsTests {
    private static let host = IPAddress(v4: 0x7F00_0001)

    private func socket(_ place: ListenPlace, _ descriptor: CInt) -> ListeningSocket {
        ListeningSocket(place: place, descriptor: descriptor, isManaged: false)
    }

    private func tcp(_ port: Int) -> ListenPlace { .tcp(Self.host, port: port) }

    @Test func `Sockets go by address and port or by path, and several may have one place`() throws {
        let sockets = [
            socket(tcp(443), 1), socket(tcp(444), 2), socket(tcp(443), 3), socket(.unix(path: "/a", mode: 0), 4),
        ]
        let (byPlace, left) = try InheritedSockets(sockets, from: .predecessor).assigned(
            to: [.unix(path: "/a", mode: 0o600), tcp(443), tcp(445)])
        #expect(byPlace.map { $0.map(\.descriptor) } == [[4], [1, 3], []])
        #expect(left.map(\.descriptor) == [2])
    }

    @Test func `Port 0 goes on with what is left on its address`() throws {
        let other = ListenPlace.tcp(IPAddress(v4: 0x7F00_0002), port: 9)
        let sockets = [socket(other, 1), socket(tcp(50_001), 2), socket(tcp(50_000), 3), socket(tcp(50_001), 4)]
        let (byPlace, left) = try InheritedSockets(sockets, from: .predecessor).assigned(
            to: [tcp(0), tcp(50_000), tcp(0), tcp(0)])
        #expect(byPlace.map { $0.map(\.descriptor) } == [[2, 4], [3], [], []])
        #expect(left.map(\.descriptor) == [1])
    }

    @Test(arguments: [0, 444])
    func `What the service manager passes has to fit`(port: Int) throws {
        let inherited = InheritedSockets([socket(tcp(443), 1)], from: .serviceManager)
        #expect(try inherited.assigned(to: [tcp(443), tcp(port)]).byPlace.map(\.count) == [1, 0])
        let error = #expect(throws: ProxyError.self) { try inherited.assigned(to: [tcp(port)]) }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("127.0.0.1:443") && text.contains("127.0.0.1:\(port)"))
    }
}
