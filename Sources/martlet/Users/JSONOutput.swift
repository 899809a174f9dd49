#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Values as JSON on stdout.
enum JSONOutput {
    /// - Parameter isForPeople: one line for each value.
    static func text(_ value: some Encodable, isForPeople: Bool = false) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if isForPeople { encoder.outputFormatting.insert(.prettyPrinted) }
        // What is printed here holds no number that JSON has no form for, the only reason for an encoder to fail.
        return String(decoding: (try? encoder.encode(value)) ?? Data(), as: UTF8.self)
    }
}
