package import MTProtoWire

/// What a ``ReplayFilter`` remembers, in a form that can be carried to the process that comes after this one.
package struct ReplayMemory: Sendable, Equatable {
    /// Hellos whose times lie in one stretch.
    package struct Hellos: Sendable, Equatable {
        /// Unix time, seconds; both ends belong to the stretch.
        package var first: Int64
        package var last: Int64
        package var randoms: Set<Block32>

        package init(first: Int64, last: Int64, randoms: Set<Block32>) {
            self.first = first
            self.last = last
            self.randoms = randoms
        }
    }

    /// Headers that came in one stretch of time.
    package struct Headers: Sendable, Equatable {
        /// How long ago the stretch began, ms.
        package var age: Int64
        /// How long ago the last of them came, ms.
        package var newestAge: Int64
        package var keys: Set<Block16>

        package init(age: Int64, newestAge: Int64, keys: Set<Block16>) {
            self.age = age
            self.newestAge = newestAge
            self.keys = keys
        }
    }

    /// Every hello that was accepted and carries this Unix time or a later one is among ``hellos``, or lies behind the
    /// ``horizon``.
    package var since: UInt32
    /// No hello up to this Unix time may be accepted any more; −1: there was none to forget.
    package var horizon: Int64
    package var hellos: [Hellos]
    /// Oldest first.
    package var headers: [Headers]

    package init(since: UInt32, horizon: Int64 = -1, hellos: [Hellos] = [], headers: [Headers] = []) {
        self.since = since
        self.horizon = horizon
        self.hellos = hellos
        self.headers = headers
    }

    package var count: Int {
        hellos.reduce(0) { $0 + $1.randoms.count } + headers.reduce(0) { $0 + $1.keys.count }
    }
}

/// One handshake to remember.
package enum ReplayMark: Sendable, Equatable {
    /// A proven hello: its random bytes, and the Unix time that it carries.
    case hello(Block32, timestamp: UInt32)
    /// Bytes 8..<24 of an obfuscated2 header.
    case header(Block16)
}
