package import ProxyPolicy

extension UserManager {
    /// Puts other declared users in the place of the present ones. Managed users stay, and so does what was counted.
    ///
    /// - Parameter declared: their names and secrets are unique.
    /// - Returns: who was added, changed and removed.
    /// - Throws: ``ControlError`` when one of them has the name or a secret of a managed user; nothing is changed then.
    package func replaceDeclared(_ new: [User]) throws(ControlError) -> ReloadReport.Users {
        let after = shadows(under: new)
        let clashes = after.keys.filter { shadows[$0] == nil }.sorted().map { name in
            let newcomer = after[name] ?? name
            let what = newcomer == name ? "the name" : "a secret"
            return "user \"\(newcomer)\" of \(declaredIn) has \(what) of user \"\(name)\", whom a command added"
        }
        guard clashes.isEmpty else {
            throw ControlError(
                .exists, "declared users would take the place of others",
                hint: "choose other names and secrets, or `martlet users remove` those", details: clashes)
        }
        let news = ReloadReport.Users(from: declared, to: new)
        guard !news.isEmpty else { return news }
        setDeclared(new)
        hooks.onChange(entries())
        return news
    }
}
