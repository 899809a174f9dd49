import Foundation
import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("What the log never says", .serialized)
struct SecrecyTests {
    @Test("No secret is in the log, whatever happens")
    func noSecretInTheLog() async throws {
        let nobody = try await FreePort.find()
        let dead = SocketTarget(host: "127.0.0.1", port: nobody)
        try await withProxy(
            to: .tcp,
            adapt: {
                $0.hide(behind: nobody)
                $0.routes.tcpAddresses[4] = [dead]
            }
        ) { proxy, open in
            for form in SecretForm.allCases {
                let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
                try await client.exchange([1])
                await client.close()
            }
            // No route: data center 4 is dead.
            let lost = try await TelegramClient.connect(
                port: proxy.port, secret: SecretForm.plain.secret, options: TelegramClientOptions(dataCenter: 4))
            try await lost.stream.waitUntilEnded(within: .seconds(60))
            // A client that breaks the record layer after its handshake, and one that resets.
            let broken = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.fakeTLS.secret)
            try await broken.exchange([2])
            try await broken.stream.write([UInt8](repeating: 0xff, count: 100))
            try await broken.stream.waitUntilEnded(within: .seconds(60))
            let reset = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.padded.secret)
            try await reset.exchange([3])
            await reset.reset()
            // The data center's reset, and its refusal.
            let cut = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.plain.secret)
            try await cut.exchange([4])
            await open.desk.sessions.last?.reset()
            try await cut.stream.waitUntilEnded(within: .seconds(60))
            open.desk.enqueue(.transportError(-444))
            let refused = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.plain.secret)
            try await refused.send([5])
            try await refused.stream.waitUntilEnded(within: .seconds(60))

            // The strangers come last: the log leaves lines out when there are too many in a second.
            for stranger in Stranger.allCases {
                let stream = try await ByteStream.connect(port: proxy.port)
                try await stream.write(stranger.opening())
                _ = try await stream.endWithoutAWord()
            }
            let expected = [
                "listening", "session ended", "stranger", "route failed", "no route to the data center",
                "mask host cannot be reached", "data center reached",
            ]
            for message in expected {
                try await eventually("'\(message)' in the log") { !proxy.log.lines(message).isEmpty }
            }
            for form in Self.spellings {
                #expect(!proxy.log.text.lowercased().contains(form.lowercased()), "\(form)")
            }
        }
    }

    /// The test key as people and programs write it.
    private static let spellings: [String] = {
        let key = ProxySecret.testKey
        let digits = hex(key)
        let encoded = Data(key).base64EncodedString().replacing("=", with: "")
        let listed = key.map(String.init).joined(separator: ", ")
        let spaced = key.map { hex([$0]) }.joined(separator: " ")
        let domain = hex(Array(SecretForm.domain.utf8))
        // A part of the key would be too much as well.
        return [digits, String(digits.prefix(12)), String(digits.suffix(12)), encoded, listed, spaced, domain]
    }()
}
