import NIOCore
package import ProxyPolicy

/// A configuration that was checked and can be put into force: ``ProxyControl/reconfigure(_:rereadingLists:)``.
package struct PreparedConfiguration: Sendable {
    fileprivate let settings: EngineSettings
}

extension ProxyControl {
    /// Checks a new configuration as far as only the engine can. Changes nothing.
    ///
    /// - Parameter configuration: what is to be in force. Only a start changes what
    ///   ``ProxyPolicy/ProxyConfiguration/reloaded(with:)`` names, so that is taken from the present configuration.
    /// - Throws: ``ProxyError`` when the CA file cannot be used.
    package func prepare(_ configuration: ProxyConfiguration) throws(ProxyError) -> PreparedConfiguration {
        let old = state.settings
        let settings = EngineSettings(
            old.configuration.reloaded(with: configuration), openFileLimit: state.openFileLimit, replacing: old)
        try settings.checkCertificates()
        return PreparedConfiguration(settings: settings)
    }

    /// Puts a configuration into force. Sessions go on whatever it says; their timeouts count from the next time that a
    /// deadline is set. Users are not part of it: ``replaceUsers(_:)``.
    ///
    /// - Parameter rereadingLists: files with lists are read and pages fetched again even where the configuration did
    ///   not change them. What is known stays in force until the new content is there.
    package func reconfigure(_ prepared: PreparedConfiguration, rereadingLists: Bool) async {
        let settings = prepared.settings
        let old = state.use(settings)
        for loop in state.loops.withLock({ $0 }) { await loop.on { $0.use(settings) } }
        let (before, after) = (old.configuration, settings.configuration)
        let listsChanged =
            before.limits != after.limits || before.middleProxy != after.middleProxy || before.routes != after.routes
            || before.connect.caFile != after.connect.caFile
        if rereadingLists || listsChanged { state.lists.restart() }
    }
}

extension EngineState {
    /// Takes new settings into the tables that all event loops share.
    ///
    /// - Returns: the settings before.
    fileprivate func use(_ new: EngineSettings) -> EngineSettings {
        let old = replaceSettings(new)
        let (before, after) = (old.configuration, new.configuration)
        routes.withLock { $0.reconfigure(after.routes) }
        let bounds = AdmissionBounds(after.limits, connections: new.connectionLimit)
        admission.withLock { if $0.bounds != bounds { $0.reconfigure(bounds) } }
        if before.limits.acceptsPerSecond != after.limits.acceptsPerSecond {
            setAcceptRate(after.limits.acceptsPerSecond)
        }
        ownAddresses.withLock { $0.reconfigure(after.middleProxy) }
        middleProxies.withLock { $0.reconfigure(from: before.middleProxy, to: after.middleProxy) }
        // Whoever waits may have room now.
        openGates()
        return old
    }
}

extension LoopContext {
    fileprivate func use(_ new: EngineSettings) {
        let old = settings
        settings = new
        pool.reconfigure(closesAll: new.configuration.connect.caFile != old.configuration.connect.caFile)
        middleProxies.reconfigure()
        searches.reconfigure()
    }
}
