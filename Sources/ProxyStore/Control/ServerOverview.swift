/// What a running server does at this moment: what `martlet top` shows.
package struct ServerOverview: Sendable, Equatable, Codable {
    /// Live sessions to one data center by one kind of route.
    package struct Sessions: Sendable, Equatable, Codable {
        /// The number of the data center; negative for media.
        package var dataCenter: String
        package var route: String
        package var sessions: Int
        /// Bytes of these sessions so far.
        package var up: UInt64
        package var down: UInt64

        package init(dataCenter: String, route: String, sessions: Int, up: UInt64, down: UInt64) {
            self.dataCenter = dataCenter
            self.route = route
            self.sessions = sessions
            self.up = up
            self.down = down
        }

        private enum CodingKeys: String, CodingKey {
            case dataCenter = "dc"
            case route, sessions, up, down
        }
    }

    /// A route that was tried.
    package struct Route: Sendable, Equatable, Codable {
        package var dataCenter: String
        package var route: String
        /// Why it ails; absent: it is sound.
        package var failure: String?
        /// How long it still rests, ms.
        package var restMilliseconds: Int64?
        /// Since it last worked, ms; absent: it has not yet.
        package var workedBeforeMilliseconds: Int64?

        package init(
            dataCenter: String, route: String, failure: String?, restMilliseconds: Int64?,
            workedBeforeMilliseconds: Int64?
        ) {
            self.dataCenter = dataCenter
            self.route = route
            self.failure = failure
            self.restMilliseconds = restMilliseconds
            self.workedBeforeMilliseconds = workedBeforeMilliseconds
        }

        private enum CodingKeys: String, CodingKey {
            case dataCenter = "dc"
            case route, failure
            case restMilliseconds = "rest_ms"
            case workedBeforeMilliseconds = "worked_ms_ago"
        }
    }

    /// A user with something open.
    package struct User: Sendable, Equatable, Codable {
        package var name: String
        package var connections: Int
        /// Bytes since the user exists.
        package var up: UInt64
        package var down: UInt64

        package init(name: String, connections: Int, up: UInt64, down: UInt64) {
            self.name = name
            self.connections = connections
            self.up = up
            self.down = down
        }
    }

    package var server: ServerStatus
    /// Connections of clients, and how many there may be.
    package var connections = 0
    package var connectionLimit = 0
    package var halfOpen = 0
    package var masked = 0
    package var warm = 0
    /// Links to middle proxies that stand.
    package var links = 0
    package var sessions: [Sessions] = []
    package var routes: [Route] = []
    /// The busiest ones by connections, ``maximumUsers`` at most.
    package var users: [User] = []
    /// All users with anything open.
    package var onlineUsers = 0

    /// More than a screen shows.
    package static let maximumUsers = 100

    package init(server: ServerStatus) {
        self.server = server
    }

    private enum CodingKeys: String, CodingKey {
        case server, connections, masked, warm, links, sessions, routes, users
        case connectionLimit = "connection_limit"
        case halfOpen = "half_open"
        case onlineUsers = "online_users"
    }
}
