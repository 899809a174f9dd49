import MTProtoWire
import NIOCore
import NIOPosix
import NIOSSL
import ProxyEngine
import ProxyPolicy

/// A visit to a web server: once as a browser, which looks at the certificate, and once as an observer, who looks at the
/// shape of the answer.
struct TLSVisit: Sendable {
    /// What is wrong with a certificate, when it is not expired.
    enum CertificateFault: Sendable, Equatable {
        /// It is good, but for other names.
        case otherName
        /// Nobody whom this machine trusts has signed it.
        case untrusted
    }

    struct Certificate: Sendable, Equatable {
        /// Unix seconds.
        var notBefore: Int64
        var notAfter: Int64
        /// nil: valid for the name, as far as the dates allow to say.
        var fault: CertificateFault?
        var isTLS13: Bool
    }

    let target: SocketTarget
    let name: String
    let caFile: String?
    let limit: Duration

    /// How long an answer may pause before it counts as whole: the server waits for our half of the handshake.
    private static let pause = Duration.milliseconds(700)

    // MARK: The browser

    /// - Returns: nil within a failure means that even a visitor who trusts anybody got nowhere.
    func certificate() async -> Result<Certificate, ProbeFailure> {
        switch await shake(.fullVerification) {
        case .success(let certificate): return .success(certificate)
        case .failure(.route(.badCertificate)): break
        case .failure(let failure): return .failure(failure)
        }
        guard case .success(var seen) = await shake(.none) else { return .failure(.route(.badCertificate)) }
        let now = WallClock.seconds
        // Out of its time, it is that which has to be told.
        guard now >= seen.notBefore, now <= seen.notAfter else { return .success(seen) }
        if case .success = await shake(.noHostnameVerification) {
            seen.fault = .otherName
        } else {
            seen.fault = .untrusted
        }
        return .success(seen)
    }

    private func shake(_ verification: CertificateVerification) async -> Result<Certificate, ProbeFailure> {
        let progress = ProbeProgress<(RouteProbe.Stage, Result<Certificate, ProbeFailure>?)>((.tcp, nil))
        let ended: Void? = await within(limit) {
            do {
                let certificate = try await talk(verification, progress)
                progress.update { $0.1 = .success(certificate) }
            } catch {
                progress.update { $0.1 = .failure(.route(RouteFailure(classifying: error))) }
            }
        }
        progress.close()
        if ended != nil, let result = progress.outcome.1 { return result }
        return .failure(.route(.timedOut(stage: progress.outcome.0 == .tcp ? .tcp : .tls)))
    }

    private func talk(
        _ verification: CertificateVerification,
        _ progress: ProbeProgress<(RouteProbe.Stage, Result<Certificate, ProbeFailure>?)>
    ) async throws -> Certificate {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = verification
        if let caFile { configuration.trustRoots = .file(caFile) }
        configuration.applicationProtocols = ["h2", "http/1.1"]
        configuration.shutdownTimeout = .milliseconds(100)
        let context = try NIOSSLContext(configuration: configuration)
        let conversation = try await Conversation.open(target, within: limit)
        progress.keep(conversation)
        progress.update { $0.0 = .tls }
        try await conversation.secure(context, serverName: name)
        let version = try await conversation.channel.nioSSL_tlsVersion().get()
        guard let certificate = try await conversation.channel.nioSSL_peerCertificate().get() else {
            throw RouteFailure.badCertificate
        }
        return Certificate(
            notBefore: Int64(certificate.notValidBefore), notAfter: Int64(certificate.notValidAfter), fault: nil,
            isTLS13: version == .tlsv13)
    }

    // MARK: The observer

    /// What comes in answer to a hello like that of Telegram's apps; nil: nothing.
    func flight() async -> ServerFlight? {
        let progress = ProbeProgress<ServerFlight?>(nil)
        _ = await within(limit) {
            guard let conversation = try? await Conversation.open(target, within: limit) else { return }
            progress.keep(conversation)
            var random = SecureRandom()
            let isAddress = IPAddress(name) != nil
            let hello = ProbeHello(serverName: isAddress ? nil : name, using: &random)
            guard (try? await conversation.send(hello.record)) != nil else { return }
            var flight = ServerFlight()
            while !flight.isOver {
                let wait = flight.applicationRecords.isEmpty ? limit : Self.pause
                guard let bytes = await within(wait, { (try? await conversation.receive()) ?? nil }) ?? nil else {
                    return
                }
                flight.take(bytes)
                let now = flight
                progress.update { $0 = now }
            }
        }
        progress.close()
        return progress.outcome
    }
}
