/// A middle proxy as a list names it.
package struct MiddleProxyTarget: Hashable, Sendable {
    /// A name or an address; IPv6 without brackets, in its canonical form.
    package var host: String
    /// 1...65535.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
}

extension MiddleProxyTarget: CustomStringConvertible {
    /// `192.0.2.1:8888` or `[2001:db8::1]:8888`.
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
