import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ProxyEngine
import ProxyPolicy

/// One small page over HTTP or HTTPS, without redirects.
struct WebPage: Sendable {
    /// The longest body that is taken: Telegram's lists have a few KiB.
    private static let maximumBytes = 1 << 20

    /// Seconds of Unix time that the server's `Date` says; nil without one.
    var date: Int64?
    var status: Int
    var body: [UInt8]

    /// - Parameters:
    ///   - verifies: whether the certificate has to be valid. The time of a server is worth knowing even so: with a
    ///     clock that is far off, no certificate is.
    ///   - dial: addresses in place of names.
    static func fetch(
        _ url: String, caFile: String?, dial: [String: SocketTarget], verifies: Bool = true, headOnly: Bool = false,
        within limit: Duration
    ) async -> Result<WebPage, WebFailure> {
        guard url.hasPrefix("https://") || url.hasPrefix("http://") else { return .failure(.badURL) }
        var tls = TLSConfiguration.makeClientConfiguration()
        if let caFile { tls.trustRoots = .file(caFile) }
        if !verifies { tls.certificateVerification = .none }
        let time = TimeAmount.milliseconds(Int64(Figures.milliseconds(limit)) + 1)
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow, timeout: .init(connect: time, read: time))
        configuration.dnsOverride = dial.mapValues(\.host)
        configuration.httpVersion = .http1Only
        // What is refused once is worth telling at once.
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
        var request = HTTPClientRequest(url: url)
        if headOnly { request.method = .HEAD }
        request.headers.add(name: "User-Agent", value: "martlet")
        let result: Result<WebPage, WebFailure>
        do {
            let response = try await client.execute(request, timeout: time)
            let body = try await response.body.collect(upTo: Self.maximumBytes)
            result = .success(
                WebPage(
                    date: response.headers.first(name: "date").flatMap { HTTPDate.seconds($0) },
                    status: Int(response.status.code), body: Array(buffer: body)))
        } catch {
            result = .failure(WebFailure(error))
        }
        try? await client.shutdown()
        return result
    }
}

/// Why a page was not had.
enum WebFailure: Error, Equatable, CustomStringConvertible {
    case badURL
    case status(Int)
    case tooLong
    case timedOut
    case noConnection(RouteFailure)
    case broken

    init(_ error: any Error) {
        switch error {
        case is NIOTooManyBytesError: self = .tooLong
        case let error as HTTPClientError
        where [.deadlineExceeded, .readTimeout, .connectTimeout, .tlsHandshakeTimeout].contains(error):
            self = .timedOut
        case let error as HTTPClientError where [.invalidURL, .emptyHost, .emptyScheme].contains(error):
            self = .badURL
        case is HTTPClientError, is HTTPParserError: self = .broken
        default: self = .noConnection(RouteFailure(classifying: error))
        }
    }

    var description: String {
        switch self {
        case .badURL: "the URL is not http(s)://HOST[:PORT]/PATH"
        case .status(let code): "the server answered \(code)"
        case .tooLong: "the answer is too long"
        case .timedOut: "no answer"
        case .noConnection(let failure): failure.words
        case .broken: "the server closed the connection"
        }
    }
}

/// The time of an HTTP header.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Unix seconds of `Sun, 06 Nov 1994 08:49:37 GMT`, the form that every server has to send (RFC 9110, section
    /// 5.6.7); nil for anything else.
    static func seconds(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = number(words[1], 2), (1...31).contains(day),
            let month = months.firstIndex(of: String(words[2])), let year = number(words[3], 4), year >= 1970
        else { return nil }
        let clock = words[4].split(separator: ":")
        guard clock.count == 3, let hour = number(clock[0], 2), let minute = number(clock[1], 2),
            let second = number(clock[2], 2), hour < 24, minute < 60, second <= 60
        else { return nil }
        return days(year, month + 1, day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    /// Days from 1970-01-01 in the Gregorian calendar; years begin in March here, so that leap days come last.
    private static func days(_ year: Int64, _ month: Int, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let (era, inEra) = (year / 400, year % 400)
        let dayOfYear = (153 * Int64((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + inEra * 365 + inEra / 4 - inEra / 100 + dayOfYear - 719_468
    }

    private static func number(_ text: Substring, _ digits: Int) -> Int64? {
        guard text.utf8.count == digits, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}
