import Foundation
import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("A large upload over a middle proxy", .serialized, .timeLimit(.minutes(5)))
struct MiddleProxyUploadTests {
    /// Unoptimized code on a busy machine takes too long for more.
    private static let megabytes = ProcessInfo.processInfo.environment["MARTLET_LONG_TESTS"] == nil ? 50 : 300

    @Test("50 MB (300 MB with MARTLET_LONG_TESTS) as fast as they go arrive whole")
    func upload() async throws {
        var behaviour = MiddleProxyBehaviour(.sink)
        // As Telegram's do. Without a word from there, a link whose queue is longer than 8 s passes for dead.
        behaviour.pingInterval = .milliseconds(500)
        try await withMiddleProxy(behaviour) { proxy, middle in
            let client = try await proxy.messenger(.padded, patience: .seconds(240))
            let (sent, time) = try await measured {
                let digest = try await client.pump(Self.megabytes * 1_000_000, packetSize: 256 << 10)
                try await client.send(DataCenterSession.reportRequest)
                #expect(try await client.receive() == digest.value)
                return digest
            }
            print("figure: \(Self.megabytes) MB uploaded over a middle proxy in \(time.inSeconds), kit included")
            let facts = try await middle.session(0).facts
            #expect(facts.payloadBytesReceived == sent.count + DataCenterSession.reportRequest.count)
            #expect(proxy.keptItsLinks(middle))
            await client.close()
        }
    }
}
