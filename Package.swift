// swift-tools-version: 6.1
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let bigInt = Target.Dependency.product(name: "BigInt", package: "BigInt")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
    name: "martlet",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "martlet", targets: ["martlet"]),
        .library(name: "MTProtoWire", targets: ["MTProtoWire"]),
        .library(name: "ProxyEngine", targets: ["ProxyEngine"]),
    ],
    dependencies: [
        // Event loops, channels and HTTP/1: every byte of the data path moves through it.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // TLS towards Telegram's web endpoint and Cloudflare, with certificate verification.
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        // SHA-256, HMAC and X25519 for obfuscated2 and FakeTLS.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        // Modular exponentiation for the Diffie-Hellman variant of the middle-proxy key exchange.
        .package(url: "https://github.com/attaswift/BigInt", from: "6.0.1"),
        // The command line: subcommands, help texts, completions.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // The logging front that other Swift programs can embed and redirect.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // Counters and gauges, independent of the system that shows them.
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        // Signals, start order and graceful shutdown.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Users and counters on disk: SQLite with migrations and transactions.
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // Telegram's secret, its lists of middle proxies and operators' lists of networks: redirects, limits, deadlines.
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        // The configuration file's format, parsed to the TOML 1.0 specification.
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        .target(name: "CKeystream"),
        .target(name: "MTProtoWire", dependencies: ["CKeystream", nioCore, crypto, bigInt], swiftSettings: settings),
        .target(name: "ProxyPolicy", dependencies: ["MTProtoWire", nioCore], swiftSettings: settings),
        .target(
            name: "ProxyEngine",
            dependencies: [
                "MTProtoWire", "ProxyPolicy", nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL, crypto, logging, metrics,
                coreMetrics, lifecycle,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ProxyStore",
            dependencies: [
                "MTProtoWire", "ProxyPolicy", nioCore, nioPosix, lifecycle,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ProxySwitching",
            dependencies: ["MTProtoWire", "ProxyPolicy", .product(name: "TOMLKit", package: "TOMLKit")],
            swiftSettings: settings
        ),
        .target(
            name: "ProxyAdmin",
            dependencies: [
                "MTProtoWire", "ProxyPolicy", "ProxyEngine", nioCore, nioPosix, nioHTTP1, crypto, logging, coreMetrics,
                lifecycle,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ProxyDoctor",
            dependencies: [
                "MTProtoWire", "ProxyPolicy", "ProxyEngine", "ProxyStore", nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "martlet",
            dependencies: [
                "MTProtoWire", "ProxyPolicy", "ProxyEngine", "ProxyStore", "ProxySwitching", "ProxyAdmin",
                "ProxyDoctor",
                logging, metrics, lifecycle, .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ProxyTestKit",
            dependencies: [
                "MTProtoWire", nioCore, nioPosix, nioTLS, nioSSL, crypto, bigInt,
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "MTProtoWireTests",
            dependencies: ["CKeystream", "MTProtoWire", "ProxyTestKit", nioCore, crypto],
            resources: [.copy("Vectors")],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ProxyPolicyTests",
            dependencies: ["ProxyPolicy", "MTProtoWire", "ProxyTestKit", nioCore],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ProxyEngineTests",
            dependencies: ["ProxyEngine", "MTProtoWire", "ProxyTestKit", nioCore, nioPosix, nioSSL],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ProxyStoreTests",
            dependencies: [
                "ProxyStore", "ProxyPolicy", "MTProtoWire", "ProxyTestKit", nioCore, nioPosix,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ProxySwitchingTests",
            dependencies: ["ProxySwitching", "MTProtoWire"],
            exclude: ["Samples"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ProxyAdminTests",
            dependencies: [
                "ProxyAdmin", "ProxyEngine", "ProxyPolicy", "MTProtoWire", "ProxyTestKit", nioCore, nioHTTP1, logging,
                metrics, coreMetrics,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ProxyDoctorTests",
            dependencies: [
                "ProxyDoctor", "ProxyEngine", "ProxyPolicy", "ProxyStore", "MTProtoWire", "ProxyTestKit", nioCore,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "ProxyEngine", "ProxyPolicy", "ProxyAdmin", "MTProtoWire", "ProxyTestKit", nioCore, nioPosix, nioSSL,
                logging, metrics, coreMetrics,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "martlet", "MTProtoWire", "ProxyPolicy", "ProxyStore", "ProxySwitching", "ProxyAdmin", "ProxyTestKit",
                logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
    ]
)
