import Foundation
package import NIOSSL
import Synchronization

/// A certificate and its key, as files and ready for a TLS server.
package struct ServerIdentity: Sendable {
    /// PEM file of the certificate.
    package var certificatePath: String
    /// PEM file of the private key.
    package var keyPath: String

    /// A TLS server that shows this certificate.
    func serverContext() throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(certificatePath)
        let key = try NIOSSLPrivateKey(file: keyPath, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}

/// A certificate authority made for this run of the tests, by the openssl program.
package actor CertificateAuthority {
    /// PEM file of the authority's certificate: what the program under test must be told to trust.
    package nonisolated let certificatePath: String
    private let directory: TemporaryDirectory
    private var issued: [String: Task<ServerIdentity, any Error>] = [:]
    private static let shared = SharedAuthority()

    /// The authority of this process, made on first use.
    package static func shared() async throws -> CertificateAuthority {
        try await shared.get()
    }

    /// Makes a new authority.
    package init() async throws {
        directory = try TemporaryDirectory(prefix: "martlet-ca")
        certificatePath = directory.path("ca.pem")
        try await OpenSSL.run(
            ["req", "-x509", "-subj", "/CN=Martlet test authority", "-days", "2"]
                + OpenSSL.newKey(directory.path("ca.key"))
                + [
                    "-out", certificatePath,
                    "-addext", "basicConstraints=critical,CA:TRUE",
                    "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                ]
        )
    }

    /// A certificate for host names (`*.` allowed in front) or IP addresses; made once for the same names.
    package func identity(for names: [String]) async throws -> ServerIdentity {
        try await make(names, selfSigned: false)
    }

    /// A certificate for the same names that no authority signed.
    package func selfSignedIdentity(for names: [String]) async throws -> ServerIdentity {
        try await make(names, selfSigned: true)
    }

    /// A certificate for the same names whose time has been over for a day; a new one each time.
    package func expiredIdentity(for names: [String]) async throws -> ServerIdentity {
        let number = UUID().uuidString
        let identity = ServerIdentity(
            certificatePath: directory.path("\(number).pem"), keyPath: directory.path("\(number).key"))
        let request = directory.path("\(number).csr")
        try await OpenSSL.run(
            ["req", "-new", "-subj", "/CN=\(names.first ?? "nobody")"] + OpenSSL.newKey(identity.keyPath)
                + ["-out", request, "-addext", "subjectAltName=" + Self.alternatives(names)])
        try await OpenSSL.run(
            ["x509", "-req", "-in", request, "-CA", certificatePath, "-CAkey", directory.path("ca.key")]
                + ["-days", "-1", "-copy_extensions", "copy", "-out", identity.certificatePath])
        return identity
    }

    private static func alternatives(_ names: [String]) -> String {
        names.map { name in
            let isAddress = name.contains(":") || name.allSatisfy { $0.isNumber || $0 == "." }
            return (isAddress ? "IP:" : "DNS:") + name
        }.joined(separator: ",")
    }

    /// A TLS client that trusts this authority alone.
    package nonisolated func clientConfiguration() throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(certificatePath)
        return configuration
    }

    private func make(_ names: [String], selfSigned: Bool) async throws -> ServerIdentity {
        let key = "\(selfSigned) \(names.joined(separator: " "))"
        if let known = issued[key] { return try await known.value }
        let (directory, authority, number) = (directory, certificatePath, issued.count)
        let task = Task {
            let identity = ServerIdentity(
                certificatePath: directory.path("\(number).pem"),
                keyPath: directory.path("\(number).key")
            )
            let signer = selfSigned ? [] : ["-CA", authority, "-CAkey", directory.path("ca.key")]
            try await OpenSSL.run(
                ["req", "-x509", "-subj", "/CN=\(names.first ?? "nobody")", "-days", "2"]
                    + OpenSSL.newKey(identity.keyPath)
                    + ["-out", identity.certificatePath]
                    + signer
                    + [
                        "-addext", "basicConstraints=critical,CA:FALSE",
                        "-addext", "subjectAltName=" + Self.alternatives(names),
                    ]
            )
            return identity
        }
        issued[key] = task
        return try await task.value
    }
}

/// A file of the process's authority, whose directory goes when the process ends.
private let sharedDirectory = Mutex<URL?>(nil)

/// Makes the process's authority once, however many tests ask at the same time.
private actor SharedAuthority {
    private var task: Task<CertificateAuthority, any Error>?

    func get() async throws -> CertificateAuthority {
        let task =
            task
            ?? Task {
                let authority = try await CertificateAuthority()
                sharedDirectory.withLock { $0 = URL(fileURLWithPath: authority.certificatePath) }
                atexit {
                    guard let file = sharedDirectory.withLock({ $0 }) else { return }
                    try? FileManager.default.removeItem(at: file.deletingLastPathComponent())
                }
                return authority
            }
        self.task = task
        return try await task.value
    }
}
