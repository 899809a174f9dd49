extension ProxyConfiguration {
    /// What is in force after a reload: the new configuration, except for what only a start can change.
    ///
    /// - What is bound at the start: listeners with all their rules, threads, the sockets' buffers.
    /// - What was remembered in another measure: hellos and headers that must not be played back.
    /// - What is open: the log file, the state directory, the admin place, the account.
    package func reloaded(with new: ProxyConfiguration) -> ProxyConfiguration {
        var result = new
        result.listen = listen
        result.listeners = listeners
        result.handshake.timeWindowSeconds = handshake.timeWindowSeconds
        result.handshake.replayLifeSeconds = handshake.replayLifeSeconds
        result.relay.socketBufferBytes = relay.socketBufferBytes
        result.log = log
        result.log.level = new.log.level
        result.log.levels = new.log.levels
        result.admin = admin
        result.stateDirectory = stateDirectory
        result.user = user
        return result
    }
}
