#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the program learns from the process it runs in; tests make their own.
struct HostEnvironment: Sendable {
    var variables: [String: String]
    var workingDirectory: String
    /// Of the account, for when HOME is unset, as under some service managers.
    var accountHome: String?

    static var current: HostEnvironment {
        let directory = getcwd(nil, 0)
        defer { free(directory) }
        return HostEnvironment(
            variables: ProcessInfo.processInfo.environment,
            workingDirectory: directory.map { String(cString: $0) } ?? "/",
            accountHome: getpwuid(getuid())?.pointee.pw_dir.map { String(cString: $0) }
        )
    }

    var home: String? {
        if let home = variables["HOME"], home.hasPrefix("/") { return home }
        return accountHome
    }

    /// `$XDG_STATE_HOME/martlet`, what systemd made for `StateDirectory=`, or `~/.local/state/martlet`.
    var defaultStateDirectory: String? {
        // The XDG base directory specification: a relative path is invalid and ignored.
        if let state = variables["XDG_STATE_HOME"], state.hasPrefix("/") { return "\(state)/martlet" }
        if let directory = variables["STATE_DIRECTORY"]?.split(separator: ":").first, directory.hasPrefix("/") {
            return String(directory)
        }
        guard let home, home != "/" else { return nil }
        return "\(home)/.local/state/martlet"
    }

    func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(workingDirectory == "/" ? "" : workingDirectory)/\(path)"
    }
}
