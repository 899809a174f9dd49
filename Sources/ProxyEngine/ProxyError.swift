/// Why the proxy could not start, with what to do about it.
package struct ProxyError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case addressInUse = "address-in-use"
        case addressNotAvailable = "address-not-available"
        case permissionDenied = "permission-denied"
        case cannotListen = "cannot-listen"
        case badCertificateFile = "bad-ca-file"
    }

    package var code: Code
    /// What failed, where.
    package var message: String
    /// What to do about it.
    package var hint: String

    package init(code: Code, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message); \(hint)" }
}
