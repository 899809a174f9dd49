import NIOCore
import NIOPosix
import NIOSSL
package import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension RouteFailure {
    /// What an error of a connection means for the route that it was made by.
    package init(classifying error: any Error) {
        switch error {
        case let error as RouteFailure:
            self = error
        case let error as IOError:
            self.init(errno: error.errnoCode)
        case let error as NIOConnectionError:
            self.init(connection: error)
        case let error as ChannelError:
            if case .connectTimeout = error { self = .timedOut(stage: .tcp) } else { self = .closedEarly }
        case let error as NIOSSLError:
            self.init(tls: error)
        case is NIOSSLExtraError:
            self = .badCertificate
        case let error as BoringSSLError:
            let isVerdict = String(describing: error).contains("CERTIFICATE_VERIFY_FAILED")
            self = isVerdict ? .badCertificate : .other("tls-error")
        case is SocketAddressError:
            self = .nameNotFound
        default:
            self = .other("unexpected-error")
        }
    }

    private init(errno code: CInt) {
        switch code {
        case ECONNREFUSED: self = .refused
        case ECONNRESET, EPIPE: self = .reset
        case ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, ENETDOWN: self = .unreachable
        case ETIMEDOUT: self = .timedOut(stage: .tcp)
        default: self = .other("io-error")
        }
    }

    private init(connection error: NIOConnectionError) {
        guard let first = error.connectionErrors.first else {
            self = .nameNotFound
            return
        }
        self.init(classifying: first.error)
    }

    private init(tls error: NIOSSLError) {
        switch error {
        case .handshakeFailed(let inner):
            let text = String(describing: inner)
            if text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("certificate") {
                self = .badCertificate
            } else if case .sslError(let stack) = inner, stack.contains(.eofDuringHandshake) {
                self = .closedEarly
            } else {
                self = .other("tls-handshake-failed")
            }
        case .unableToValidateCertificate, .noCertificateToValidate, .failedToLoadCertificate:
            self = .badCertificate
        case .uncleanShutdown:
            self = .closedEarly
        default:
            self = .other("tls-error")
        }
    }
}
