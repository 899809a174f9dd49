/// A secret under the name that the operator gave it, for logs and counters.
package struct NamedSecret: Hashable, Sendable {
    package var name: String
    package var secret: ProxySecret

    package init(name: String, secret: ProxySecret) {
        self.name = name
        self.secret = secret
    }
}
