package import ProxyPolicy

/// What is examined, and how.
package struct Patient: Sendable {
    package var configuration: ProxyConfiguration
    /// Remarks of the loader about the configuration.
    package var notes: [String] = []
    /// Of this program.
    package var version: String
    /// What the limit on open files can be raised to; nil: none.
    package var openFileLimit: UInt64?
    package var server = ServerReach.none
    /// Whether other people's Cloudflare domains are asked, too.
    package var asksCommunity = false
    /// A page whose server has a right clock.
    package var clockPage = Patient.usualClockPage
    /// How long one try may take.
    package var timeout: Duration = .seconds(10)

    /// Telegram's own.
    package static let usualClockPage = "https://core.telegram.org/"

    package init(configuration: ProxyConfiguration, version: String) {
        self.configuration = configuration
        self.version = version
    }

    /// Whether somebody is to be served over middle proxies.
    var usesMiddleProxies: Bool {
        let settings = configuration.middleProxy
        guard settings.use != .never else { return false }
        return settings.use == .always || settings.adTag != nil || configuration.users.contains { $0.adTag != nil }
            || server.hasTaggedUsers
    }
}
