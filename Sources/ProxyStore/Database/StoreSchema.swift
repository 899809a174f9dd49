import GRDB

/// The tables, as the migrations make them. A migration that was released is never changed: later ones follow it.
enum StoreSchema {
    /// Marks the file as ours: "Mart".
    static let applicationID: Int64 = 0x4D61_7274

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 users and usage") { database in
            try database.execute(sql: "PRAGMA application_id = \(applicationID)")
            try database.execute(sql: usersAndUsage)
        }
        return migrator
    }

    /// Times are Unix seconds, sizes bytes, rates bytes per second; NULL is "no limit".
    ///
    /// Usage has no reference to users: users that the configuration declares have a row, too.
    private static let usersAndUsage = """
        CREATE TABLE user (
            name TEXT NOT NULL PRIMARY KEY,
            is_enabled INTEGER NOT NULL,
            ad_tag TEXT,
            expires INTEGER,
            max_connections INTEGER,
            max_addresses INTEGER,
            address_window INTEGER NOT NULL,
            quota_bytes INTEGER,
            quota_period TEXT,
            quota_day INTEGER,
            rate_up INTEGER,
            rate_down INTEGER,
            note TEXT NOT NULL
        );
        CREATE TABLE user_secret (
            user TEXT NOT NULL REFERENCES user(name) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            secret TEXT NOT NULL,
            PRIMARY KEY (user, position)
        );
        CREATE TABLE user_network (
            user TEXT NOT NULL REFERENCES user(name) ON DELETE CASCADE,
            is_allowed INTEGER NOT NULL,
            position INTEGER NOT NULL,
            network TEXT NOT NULL,
            PRIMARY KEY (user, is_allowed, position)
        );
        CREATE TABLE usage (
            user TEXT NOT NULL PRIMARY KEY,
            up INTEGER NOT NULL,
            down INTEGER NOT NULL,
            sessions INTEGER NOT NULL,
            quota_used INTEGER NOT NULL,
            quota_since INTEGER NOT NULL
        );
        CREATE TABLE totals (
            id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
            up INTEGER NOT NULL,
            down INTEGER NOT NULL,
            sessions INTEGER NOT NULL,
            since INTEGER NOT NULL
        );
        """
}
