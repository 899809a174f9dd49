package import TOMLKit

/// A value of a TOML document, freed from the parser's own types.
package indirect enum TOMLNode {
    case table([(key: String, value: TOMLNode)])
    case array([TOMLNode])
    /// A string, number or truth value as text.
    case scalar(String)
    /// A date or time: nothing in the configuration is one.
    case other(String)

    package init(_ table: TOMLTable) {
        self = .table(table.keys.compactMap { key in table[key].map { (key, TOMLNode($0)) } })
    }

    package init(_ value: some TOMLValueConvertible) {
        if let table = value.table {
            self.init(table)
        } else if let array = value.array {
            self = .array(array.map { TOMLNode($0) })
        } else if let text = value.string {
            self = .scalar(text)
        } else if let truth = value.bool {
            self = .scalar(truth ? "true" : "false")
        } else if let number = value.int {
            self = .scalar(String(number))
        } else if let number = value.double {
            self = .scalar(String(number))
        } else {
            self = .other(value.debugDescription)
        }
    }
}
