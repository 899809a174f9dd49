#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Requests and answers as lines of JSON.
package enum ControlLine {
    /// The request in a line without its end.
    package static func request(_ line: some Collection<UInt8>) throws(ControlError) -> ControlRequest {
        try decode(ControlRequest.self, line, code: .badRequest)
    }

    /// A value from JSON that somebody wrote, with what is wrong in words.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, _ text: some Collection<UInt8>, code: ControlError.Code
    ) throws(ControlError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(text))
        } catch let error as DecodingError {
            // The decoder's own words for broken JSON say no more than this.
            let isBroken = if case .dataCorrupted(let context) = error { context.underlyingError != nil } else { false }
            throw ControlError(code, isBroken ? "this is not JSON" : error.line)
        } catch {
            throw ControlError(code, "this is not JSON")
        }
    }

    /// A line with its end.
    package static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Neither type holds a number that JSON has no form for, the only reason for an encoder to fail.
        let bytes = (try? encoder.encode(value)) ?? Data()
        return Array(bytes) + [UInt8(ascii: "\n")]
    }
}
