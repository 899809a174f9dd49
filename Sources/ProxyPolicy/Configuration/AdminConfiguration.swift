extension ProxyConfiguration {
    /// Where operators and their programs ask how it is.
    package struct Admin: Sendable, Equatable {
        /// Nil: nowhere.
        package var place: ListenPlace?
        /// Absolute path of the file with the token that every request has to bring; nil: none has to.
        package var tokenFile: String?
        /// Whether numbers of each user are shown.
        package var userMetrics = false

        package init() {}
    }
}
