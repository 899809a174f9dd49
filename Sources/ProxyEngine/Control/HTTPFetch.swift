import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import ProxyPolicy

/// Fetches one small document over HTTP or HTTPS, without following redirects: what is asked for is either where it has
/// always been, or not to be trusted.
struct HTTPFetch: Sendable {
    enum Failure: Error, CustomStringConvertible {
        case badURL
        case status(Int)
        case tooLong
        case timedOut
        case noConnection
        case badCertificate
        case broken

        var description: String {
            switch self {
            case .badURL: "the URL is not http(s)://HOST[:PORT]/PATH"
            case .status(let code): "the server answered \(code)"
            case .tooLong: "the answer is too long"
            case .timedOut: "no answer within 10 seconds"
            case .noConnection: "the server cannot be reached"
            case .badCertificate: "the server's certificate is not valid"
            case .broken: "the server closed the connection"
            }
        }
    }

    /// From the first look-up to the last byte.
    private static let timeout = TimeAmount.seconds(10)

    let state: EngineState
    let eventLoop: any EventLoop

    /// - Parameter limit: the longest body that is taken, bytes.
    func bytes(from url: String, limit: Int) async throws -> ByteBuffer {
        guard url.hasPrefix("https://") || url.hasPrefix("http://") else { throw Failure.badURL }
        let client = HTTPClient(eventLoopGroupProvider: .shared(eventLoop), configuration: try configuration())
        do {
            let body = try await fetch(url, limit, client)
            try await client.shutdown()
            return body
        } catch {
            try? await client.shutdown()
            throw Self.failure(error)
        }
    }

    func text(from url: String, limit: Int) async throws -> String {
        String(buffer: try await bytes(from: url, limit: limit))
    }

    private func fetch(_ url: String, _ limit: Int, _ client: HTTPClient) async throws -> ByteBuffer {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "User-Agent", value: "martlet")
        let response = try await client.execute(request, timeout: Self.timeout)
        guard response.status == .ok else { throw Failure.status(Int(response.status.code)) }
        return try await response.body.collect(upTo: limit)
    }

    private func configuration() throws -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = state.configuration.connect.caFile { tls.trustRoots = .file(file) }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: Self.timeout))
        configuration.dnsOverride = state.configuration.routes.dialOverrides.mapValues(\.host)
        configuration.httpVersion = .http1Only
        return configuration
    }

    private static func failure(_ error: any Error) -> any Error {
        switch error {
        case is Failure, is CancellationError: error
        case is NIOTooManyBytesError: Failure.tooLong
        case let error as HTTPClientError where [.deadlineExceeded, .readTimeout, .connectTimeout].contains(error):
            Failure.timedOut
        case let error as HTTPClientError where [.invalidURL, .emptyHost, .emptyScheme].contains(error): Failure.badURL
        case is HTTPClientError, is HTTPParserError: Failure.broken
        default:
            switch RouteFailure(classifying: error) {
            case .badCertificate: Failure.badCertificate
            case .reset: Failure.broken
            default: Failure.noConnection
            }
        }
    }
}
