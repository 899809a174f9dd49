/// How much memory sessions may take together where the operator does not say.
package enum MemoryLimit {
    /// Where neither the machine nor its control group tells: half of the smallest machine that is commonly rented.
    package static let unknownBudget = 256 << 20
    /// Less does not serve a family.
    package static let minimumBudget = 8 << 20

    /// Half of the smaller one: the other half is the program's own, the kernel's and that of whoever else is there.
    ///
    /// - Parameters:
    ///   - physical: the machine's memory, bytes; nil: unknown.
    ///   - cgroup: the control group's limit, bytes; nil: none.
    package static func budget(physical: UInt64?, cgroup: UInt64?) -> Int {
        guard let total = [physical, cgroup].compactMap({ $0 }).min() else { return unknownBudget }
        return max(Int(clamping: total / 2), minimumBudget)
    }

    /// How many sessions at rest fit into a budget: a limit on connections beyond this one cannot be kept.
    package static func sessions(budget: Int) -> Int {
        max(budget / MemoryBudget.baseSessionBytes, FileLimit.minimumConnections)
    }

    /// The limit that a control group's file holds (`memory.max`, or `memory.limit_in_bytes` of the older kind): a number
    /// and a line end, or `max`.
    ///
    /// - Returns: nil for `max` and whatever else is no number.
    package static func limit(fileText: some StringProtocol) -> UInt64? {
        UInt64(String(fileText.filter { !$0.isWhitespace }))
    }
}
