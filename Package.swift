// swift-tools-version: 6.2
import PackageDescription

/// What every target of this package is compiled with.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let orderedCollections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let swiftASN1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

/// The libvirt driver and libvirt's headers are only needed with the trait.
let withLibvirt = TargetDependencyCondition.when(traits: ["Libvirt"])

let package = Package(
    name: "dvms",
    traits: [
        .trait(name: "Libvirt", description: "The libvirt driver. Without it only modelled hosts can be served."),
        .default(enabledTraits: ["Libvirt"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .target(name: "Basis", swiftSettings: strict),
        .target(name: "Placement", dependencies: ["Basis", heap], swiftSettings: strict),
        .target(name: "Snapshots", dependencies: ["Basis", "Placement"], swiftSettings: strict),
        .target(
            name: "Transport", dependencies: ["Basis", nioCore, nioPosix, nioSSL, logging],
            swiftSettings: strict),
        .target(
            name: "Hypervisor", dependencies: ["Basis", "Placement", nioCore, nioPosix, logging], swiftSettings: strict),
        .systemLibrary(name: "CLibvirt", pkgConfig: "libvirt", providers: [.apt(["libvirt-dev"])]),
        .target(
            name: "LibvirtDriver",
            dependencies: [
                "Basis", "Placement", "Hypervisor", logging, .target(name: "CLibvirt", condition: withLibvirt),
            ],
            swiftSettings: strict),
        .target(
            name: "ClusterActors",
            dependencies: [
                "Basis", "Placement", "Transport", "Hypervisor", nioCore, logging, orderedCollections,
            ],
            swiftSettings: strict),
        .target(name: "Settings", dependencies: ["Basis", "Placement", yams], swiftSettings: strict),
        .target(name: "Journal", dependencies: ["Basis", "Placement", "Snapshots", grdb], swiftSettings: strict),
        .target(name: "ControlProtocol", dependencies: ["Basis"], swiftSettings: strict),
        .target(name: "ControlClient", dependencies: ["ControlProtocol"], swiftSettings: strict),
        .target(
            name: "Deployer",
            dependencies: ["Basis", "ControlProtocol", "Settings", crypto, grdb, logging, subprocess],
            swiftSettings: strict),
        .target(name: "Certificates", dependencies: [x509, crypto, swiftASN1], swiftSettings: strict),
        .target(
            name: "Simulation",
            dependencies: [
                "Basis", "ClusterActors", "Hypervisor", "Placement", "Settings", "Transport", nioCore, logging,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "dvmsd",
            dependencies: [
                "Basis", "ClusterActors", "ControlClient", "ControlProtocol", "Hypervisor", "Journal", "Placement",
                "Settings", "Transport", argumentParser, logging, nioCore, nioPosix,
                .target(name: "LibvirtDriver", condition: withLibvirt),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "modelled-host",
            dependencies: ["Basis", "Hypervisor", "Placement", argumentParser, logging, nioCore, nioPosix],
            swiftSettings: strict),
        .executableTarget(
            name: "dvms",
            dependencies: [
                "Basis", "Certificates", "ClusterActors", "ControlClient", "ControlProtocol", "Deployer", "Placement",
                "Settings", "Simulation", "Snapshots", argumentParser,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "fault-campaign", dependencies: ["Basis", "Settings", "Simulation", argumentParser],
            swiftSettings: strict),
        .executableTarget(
            name: "transport-benchmark",
            dependencies: [
                "Basis", "Certificates", "ClusterActors", "Placement", "Transport", nioCore, nioPosix, nioSSL, logging,
            ],
            path: "Benchmarks/Transport", swiftSettings: strict),
        .executableTarget(
            name: "placement-benchmark", dependencies: ["Basis", "Placement", "Snapshots", argumentParser],
            path: "Benchmarks/Placement", exclude: ["bench.py", "peers", "plots.py", "run", "sections.py"],
            swiftSettings: strict),
        .executableTarget(
            name: "migration-benchmark",
            dependencies: ["Basis", "Hypervisor", "Placement", "Simulation", argumentParser],
            path: "Benchmarks/Migration", exclude: ["lab.py", "run", "simgrid"], swiftSettings: strict),
        .testTarget(name: "BasisTests", dependencies: ["Basis"], swiftSettings: strict),
        .testTarget(name: "PlacementTests", dependencies: ["Basis", "Placement"], swiftSettings: strict),
        .testTarget(
            name: "SnapshotsTests", dependencies: ["Basis", "Placement", "Snapshots"], exclude: ["Golden"],
            swiftSettings: strict),
        .testTarget(
            name: "TransportTests",
            dependencies: ["Basis", "Certificates", "Transport", nioCore, nioPosix, nioSSL, logging],
            swiftSettings: strict),
        .testTarget(
            name: "HypervisorTests", dependencies: ["Basis", "Hypervisor", "Placement", nioCore, nioPosix],
            swiftSettings: strict),
        .testTarget(
            name: "LibvirtDriverTests", dependencies: ["Basis", "Hypervisor", "LibvirtDriver", "Placement"],
            swiftSettings: strict),
        .testTarget(
            name: "ClusterActorsTests",
            dependencies: [
                "Basis", "ClusterActors", "Hypervisor", "Placement", "Simulation", "Transport", nioCore, logging,
                orderedCollections,
            ],
            exclude: ["Messages/Golden"], swiftSettings: strict),
        .testTarget(name: "SettingsTests", dependencies: ["Basis", "Placement", "Settings"], swiftSettings: strict),
        .testTarget(
            name: "JournalTests", dependencies: ["Basis", "Journal", "Placement", "Snapshots", grdb],
            swiftSettings: strict),
        .testTarget(
            name: "ControlProtocolTests", dependencies: ["Basis", "ControlProtocol"], swiftSettings: strict),
        .testTarget(
            name: "DeployerTests",
            dependencies: ["Basis", "Deployer", "Hypervisor", "Placement", "Settings", "Simulation"],
            swiftSettings: strict),
        .testTarget(name: "CertificatesTests", dependencies: ["Certificates"], swiftSettings: strict),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "Basis", "ClusterActors", "Hypervisor", "Placement", "Settings", "Simulation", "Transport", nioCore,
                logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ProcessTests",
            dependencies: ["Basis", "Certificates", "Hypervisor", "Placement", "Transport", nioCore, nioPosix],
            swiftSettings: strict),
        .testTarget(
            name: "dvmsTests",
            dependencies: [
                "Basis", "ClusterActors", "ControlProtocol", "Deployer", "Placement", "Settings", "Simulation",
                "Snapshots", "dvms",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "dvmsdTests",
            dependencies: [
                "Basis", "ClusterActors", "ControlProtocol", "Journal", "Transport", "dvmsd", logging, nioCore,
                nioPosix,
            ],
            swiftSettings: strict),
        .testTarget(name: "BoundaryTests", swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
