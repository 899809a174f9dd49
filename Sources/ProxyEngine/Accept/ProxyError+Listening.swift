import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension ProxyError {
    init(errno code: CInt, place: ListenPlace) {
        let isUnix = if case .unix = place { true } else { false }
        func error(_ code: Code, _ why: String, _ hint: String) -> ProxyError {
            ProxyError(code: code, message: "cannot listen on \(place): \(why)", hint: hint)
        }
        switch code {
        case EADDRINUSE:
            self = error(
                .addressInUse, isUnix ? "another program listens there" : "another program has that port",
                isUnix ? "stop it, or choose another path" : "stop it, or choose another port with --port")
        case EADDRNOTAVAIL:
            self = error(
                .addressNotAvailable, "this machine does not have that address",
                "give one of its own with --host, or 0.0.0.0 for all of them")
        case EACCES, EPERM:
            self = error(
                .permissionDenied, "permission denied",
                isUnix
                    ? "choose a directory that this user may write to"
                    : "ports below 1024 need the right to bind them (setcap cap_net_bind_service=+ep), or choose a higher one"
            )
        case EEXIST:
            self = error(.cannotListen, "there is a file of that name that is no socket", "choose another path")
        case ENAMETOOLONG:
            self = error(.cannotListen, "the path is longer than a socket's may be", "choose a shorter one")
        default:
            self = error(
                .cannotListen, String(cString: strerror(code)),
                isUnix ? "check the path" : "check --host and --port")
        }
    }
}
