/// A dictionary that knows an order of its keys; every operation takes the same time however many there are.
///
/// The nodes lie densely in one array and name each other by their place in it; -1 is nobody.
struct LinkedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Node: Sendable {
        var key: Key
        var value: Value
        var before: Int
        var after: Int
    }

    private var nodes: [Node] = []
    private var places: [Key: Int] = [:]
    private var head = -1
    private var tail = -1

    var count: Int { nodes.count }
    var isEmpty: Bool { nodes.isEmpty }

    var first: Key? { nodes.isEmpty ? nil : nodes[head].key }

    subscript(key: Key) -> Value? { places[key].map { nodes[$0].value } }

    /// Adds a key at the end; one that is there already gets the value and stays where it is.
    mutating func append(_ key: Key, _ value: Value) {
        if let place = places[key] {
            nodes[place].value = value
            return
        }
        places[key] = nodes.count
        nodes.append(Node(key: key, value: value, before: -1, after: -1))
        linkAtEnd(nodes.count - 1)
    }

    /// Changes a value in its place; nil when there is no such key.
    mutating func update<Result>(_ key: Key, _ body: (inout Value) -> Result) -> Result? {
        guard let place = places[key] else { return nil }
        return body(&nodes[place].value)
    }

    mutating func moveToEnd(_ key: Key) {
        guard let place = places[key], place != tail else { return }
        unlink(place)
        linkAtEnd(place)
    }

    @discardableResult
    mutating func remove(_ key: Key) -> Value? {
        guard let place = places.removeValue(forKey: key) else { return nil }
        unlink(place)
        let value = nodes[place].value
        let last = nodes.removeLast()
        // The last one of the array moves into the hole.
        if place < nodes.count {
            nodes[place] = last
            places[last.key] = place
            if last.before >= 0 { nodes[last.before].after = place } else { head = place }
            if last.after >= 0 { nodes[last.after].before = place } else { tail = place }
        }
        return value
    }

    /// Changes all values, and removes those for which `body` returns false.
    mutating func filter(_ body: (inout Value) -> Bool) {
        // Backwards: what moves into a hole has been looked at.
        for place in nodes.indices.reversed() where !body(&nodes[place].value) { remove(nodes[place].key) }
    }

    private mutating func linkAtEnd(_ place: Int) {
        nodes[place].before = tail
        nodes[place].after = -1
        if tail >= 0 { nodes[tail].after = place } else { head = place }
        tail = place
    }

    private mutating func unlink(_ place: Int) {
        let (before, after) = (nodes[place].before, nodes[place].after)
        if before >= 0 { nodes[before].after = after } else { head = after }
        if after >= 0 { nodes[after].before = before } else { tail = before }
    }
}
