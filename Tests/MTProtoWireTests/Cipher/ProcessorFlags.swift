import Foundation

/// What Linux says about the processor, independently of the product's own detection.
enum ProcessorFlags {
    /// The words of the first `flags` (x86-64) or `Features` (AArch64) line; empty on other systems.
    private static let words: Set<Substring> = {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("flags") || $0.hasPrefix("Features") } ?? ""
        return Set(line.split(whereSeparator: \.isWhitespace))
    }()

    static var areKnown: Bool { !words.isEmpty }

    /// The names of the levels that such a processor runs, fastest first.
    static var cipherLevels: [String] {
        let needs: [(name: String, flags: Set<Substring>)] = [
            ("avx512-vaes", ["vaes", "avx2", "avx512f", "avx512bw"]),
            ("avx2-vaes", ["vaes", "avx2"]),
            ("aes-ni", ["aes", "ssse3", "sse4_1"]),
            ("armv8", ["aes", "asimd"]),
        ]
        return needs.filter { $0.flags.isSubset(of: words) }.map(\.name) + ["portable"]
    }

    /// The name of the CRCs that the processor's own levels bring.
    static var crcName: String {
        if words.contains("pclmulqdq") { return "pclmulqdq" }
        return words.contains("crc32") ? "armv8-crc" : "portable"
    }
}
