import Foundation
import Testing

@testable import ProxySwitching

/// One configuration of another program, written after its documentation.
struct Sample: Sendable, CustomTestStringConvertible {
    var kind: ForeignKind
    var name: String
    var text: String

    var testDescription: String { "\(kind.rawValue)/\(name)" }

    static let all: [Sample] = {
        let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Samples")
        return ForeignKind.allCases.flatMap { kind -> [Sample] in
            let place = directory.appendingPathComponent(kind.rawValue)
            let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
            return names.filter { !$0.hasSuffix(".links") }.sorted().compactMap { name in
                (try? String(contentsOf: place.appendingPathComponent(name), encoding: .utf8)).map {
                    Sample(kind: kind, name: name, text: $0)
                }
            }
        }
    }()

    static func named(_ kind: ForeignKind, _ name: String) -> Sample? {
        all.first { $0.kind == kind && $0.name == name }
    }

    func translated() throws -> Translation {
        try ForeignConfiguration(kind: kind, text: text, name: name, directory: "/srv/old").translate()
    }
}
