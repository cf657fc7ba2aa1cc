// swift-tools-version: 6.2
import PackageDescription

// One list for every Swift target: Swift 6 mode, explicit existentials and imports, no warning left standing.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

let strictC: [CSetting] = [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]

func library(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: strict)
}

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
  name: "vecd",
  products: [
    .executable(name: "vecd", targets: ["vecd"]),
    .executable(name: "vecctl", targets: ["vecctl"]),
    .library(name: "VecClient", targets: ["VecClient"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    // C: kernels, the few Linux calls Swift cannot make, and the three system libraries.
    .target(name: "CVecKernels", cSettings: strictC),
    .target(name: "CVecShims", cSettings: strictC),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),

    // The synchronous core.
    library("VecCore", ["CVecShims", "CXXHash"]),
    library("VecAttributes", ["VecCore", "VecKernels"]),
    library("VecKernels", ["VecCore", "CVecKernels"]),
    library("VecIndex", ["VecCore", "VecKernels"]),
    library("VecStorage", ["VecCore", "CLZ4", "CVecShims"]),
    library(
      "VecManifest", ["VecCore", "CSQLite"],
      resources: [
        .embedInCode("Resources/manifest.sql"), .embedInCode("Resources/manifest-writes.sql"),
        .embedInCode("Resources/manifest-attributes.sql"), .embedInCode("Resources/manifest-exclusions.sql"),
        .embedInCode("Resources/manifest-models.sql"), .embedInCode("Resources/manifest-biases.sql"),
        .embedInCode("Resources/manifest-string-ids.sql"),
      ]),
    library("VecEngine", ["VecCore", "VecAttributes", "VecKernels", "VecIndex", "VecStorage", "VecManifest"]),

    // The asynchronous shell.
    library("VecProtocol", ["VecCore"]),
    library("VecClient", ["VecCore", "VecAttributes", "VecProtocol", nioCore, nioPosix]),
    library("VecFiles", ["VecCore"]),
    library(
      "VecServer",
      ["VecCore", "VecProtocol", "VecEngine", "CVecShims", nioCore, nioPosix, logging, lifecycle, signals, histogram]),
    .executableTarget(
      name: "vecd", dependencies: ["VecCore", "VecServer", arguments, logging], swiftSettings: strict),
    .executableTarget(
      name: "vecctl", dependencies: ["VecCore", "VecAttributes", "VecClient", "VecFiles", "VecStorage", arguments, histogram],
      swiftSettings: strict),
    .executableTarget(
      name: "vecbench", dependencies: ["VecCore", "VecAttributes", "VecKernels", "VecIndex", "VecFiles", "VecEngine"],
      path: "Tools/bench/inprocess", swiftSettings: strict),
    .executableTarget(
      name: "crashcheck", dependencies: ["VecCore", "VecEngine"], path: "Tools/crash/check", swiftSettings: strict),

    .executableTarget(
      name: "recommend", dependencies: ["VecClient", arguments], path: "Tools/recall/example", swiftSettings: strict),

    // As it is a program that runs inputs again; Tools/fuzz/run builds it with libFuzzer.
    .executableTarget(
      name: "vecfuzz",
      dependencies: [
        "VecCore", "VecAttributes", "VecKernels", "VecIndex", "VecStorage", "VecManifest", "VecProtocol", "VecFiles",
      ],
      path: "Tools/fuzz/Sources", swiftSettings: strict),

    // One test target per library, and three for the whole.
    .target(
      name: "VecTestSupport", dependencies: ["VecCore"], path: "Tests/VecTestSupport", swiftSettings: strict),
    tests("VecCoreTests", ["VecCore", "CVecShims", "VecTestSupport"]),
    tests("VecAttributesTests", ["VecCore", "VecAttributes", "VecKernels", "VecTestSupport"]),
    tests("VecKernelsTests", ["VecCore", "VecKernels", "CVecKernels", "VecTestSupport"]),
    tests("VecIndexTests", ["VecCore", "VecKernels", "VecIndex", "VecTestSupport"]),
    tests("VecStorageTests", ["VecCore", "VecStorage", "VecTestSupport"]),
    tests("VecManifestTests", ["VecCore", "VecManifest", "VecTestSupport"]),
    tests("VecEngineTests", ["VecCore", "VecAttributes", "VecStorage", "VecEngine", "VecTestSupport"]),
    tests("VecProtocolTests", ["VecCore", "VecProtocol", "VecTestSupport"]),
    tests("VecClientTests", ["VecCore", "VecProtocol", "VecClient", nioCore, nioPosix, "VecTestSupport"]),
    tests("VecFilesTests", ["VecCore", "VecFiles", "VecTestSupport"]),
    tests(
      "VecServerTests",
      ["VecCore", "VecProtocol", "VecEngine", "VecServer", "VecTestSupport", nioCore, logging]),
    tests("TidyTests", ["VecCore", "VecTestSupport"]),
    tests("CrashTests", ["VecCore", "VecProtocol", "VecTestSupport"]),
    tests("EndToEndTests", ["VecCore", "VecProtocol", "VecClient", "VecTestSupport"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
