/// Looks for the ee secret that signed a ClientHello, some trials at a time.
struct HelloSearch: Sendable {
    enum Finding: Equatable {
        /// There are more secrets to try.
        case unfinished
        case found(ClientHelloProof)
        case none
    }

    let hello: ClientHello
    /// How many bytes the hello's records take on the wire.
    let byteCount: Int
    private let order: TrialOrder
    /// How many steps of `order` are done.
    private var tried = 0

    init(_ hello: ClientHello, byteCount: Int, book: SecretBook) {
        self.hello = hello
        self.byteCount = byteCount
        order = book.order(forServerName: hello.serverName)
    }

    /// How many secrets are still to be tried.
    var remaining: Int { order.count - tried }

    /// Tries all secrets, which takes the same time whichever of them signed the hello, or none.
    func runThrough(_ book: SecretBook) -> Finding {
        ClientHelloProof.find(in: hello, keys: book.fakeTLSKeys, order: order).map { .found($0) } ?? .none
    }

    /// Tries the secrets that come first by the places in `hints`; they are tried again in their turn, too, as there are
    /// few of them.
    func run(hints: some Sequence<Int>, _ book: SecretBook) -> Finding {
        for position in book.fakeTLSPositions(among: hints) {
            if let proof = proof(at: position, book) { return .found(proof) }
        }
        return .unfinished
    }

    /// Tries the next secrets.
    mutating func run(atMost limit: Int, _ book: SecretBook) -> Finding {
        let end = tried + min(max(limit, 0), remaining)
        while tried < end {
            let position = order[tried]
            tried += 1
            if let proof = proof(at: position, book) { return .found(proof) }
        }
        return remaining == 0 ? .none : .unfinished
    }

    private func proof(at position: Int, _ book: SecretBook) -> ClientHelloProof? {
        ClientHelloProof(of: hello, by: book.fakeTLSKeys[position], keyIndex: position)
    }
}
