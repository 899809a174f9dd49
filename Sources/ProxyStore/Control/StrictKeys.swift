/// Any key of a JSON object.
struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension Decoder {
    /// Refuses an object with keys that nobody reads: a typing error would otherwise pass as "not given".
    func refuseKeys(otherThan known: [String]) throws {
        let unknown = try container(keyedBy: AnyKey.self).allKeys.first { !known.contains($0.stringValue) }
        guard let unknown else { return }
        throw DecodingError.dataCorrupted(
            .init(
                codingPath: codingPath + [unknown],
                debugDescription: "is not known; expected \(known.joined(separator: ", "))"
            )
        )
    }
}

/// One part of a change: a JSON value, null, or nothing.
package enum Field<Value: Sendable & Equatable>: Sendable, Equatable {
    /// The key is absent: what is stays.
    case kept
    /// The key's value is null: no limit, or the default where there has to be a value.
    case removed
    case value(Value)

    /// What is in force after the change.
    package func applied(to current: Value?, default fallback: Value? = nil) -> Value? {
        switch self {
        case .kept: current
        case .removed: fallback
        case .value(let value): value
        }
    }

    /// A value, or ``removed`` for its absence.
    package init(full value: Value?) {
        self = value.map(Field.value) ?? .removed
    }

    /// A value, or ``kept`` for its absence.
    package init(given value: Value?) {
        self = value.map(Field.value) ?? .kept
    }
}

extension KeyedDecodingContainer {
    func field<Value: Decodable>(_ key: Key) throws -> Field<Value> {
        guard contains(key) else { return .kept }
        return try decodeNil(forKey: key) ? .removed : .value(decode(Value.self, forKey: key))
    }
}

extension KeyedEncodingContainer {
    mutating func encode<Value: Encodable>(_ field: Field<Value>, _ key: Key) throws {
        switch field {
        case .kept: break
        case .removed: try encodeNil(forKey: key)
        case .value(let value): try encode(value, forKey: key)
        }
    }
}

extension DecodingError {
    /// One line for people: where, and what.
    var line: String {
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            Self.line(context.codingPath, context.debugDescription)
        case .keyNotFound(let key, let context):
            Self.line(context.codingPath + [key], "is missing")
        @unknown default:
            "is not what was expected"
        }
    }

    private static func line(_ path: [any CodingKey], _ text: String) -> String {
        let place = path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
            .replacing(".[", with: "[")
        return place.isEmpty ? text : "\(place): \(text)"
    }
}
