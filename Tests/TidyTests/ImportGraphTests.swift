import Testing

/// The house: which module may import which. SwiftPM lets a target import what it reaches only transitively, so the
/// graph of docs/ARCHITECTURE.md is held here.
@Suite struct ImportGraphTests {
  static let allowed: [String: Set<String>] = [
    "VecCore": ["CVecShims", "CXXHash"],
    "VecAttributes": ["VecCore", "VecKernels"],
    "VecKernels": ["VecCore", "CVecKernels"],
    "VecIndex": ["VecCore", "VecKernels"],
    "VecStorage": ["VecCore", "CLZ4", "CVecShims"],
    "VecManifest": ["VecCore", "CSQLite"],
    "VecEngine": ["VecCore", "VecAttributes", "VecKernels", "VecIndex", "VecStorage", "VecManifest"],
    "VecProtocol": ["VecCore"],
    "VecFiles": ["VecCore"],
    "VecClient": ["VecCore", "VecAttributes", "VecProtocol"],
    "VecServer": ["VecCore", "VecProtocol", "VecEngine", "CVecShims"],
    "vecd": ["VecCore", "VecServer"],
    "vecctl": ["VecCore", "VecAttributes", "VecClient", "VecFiles", "VecStorage"],
    "vecbench": ["VecCore", "VecAttributes", "VecKernels", "VecIndex", "VecFiles", "VecEngine"],
    "crashcheck": ["VecCore", "VecEngine"], "recommend": ["VecClient"],
    "vecfuzz": [
      "VecCore", "VecAttributes", "VecKernels", "VecIndex", "VecStorage", "VecManifest", "VecProtocol", "VecFiles",
    ],
  ]

  /// Modules that do not lie in the folder of their name under Sources.
  static let folders = [
    "vecbench": "Tools/bench/inprocess", "crashcheck": "Tools/crash/check", "recommend": "Tools/recall/example",
    "vecfuzz": "Tools/fuzz/Sources",
  ]

  /// Modules from outside the project, and where they may be used.
  static let systemModules: Set<String> = ["Glibc", "Synchronization"]
  static let shellModules: Set<String> = [
    "Foundation", "NIOCore", "NIOPosix", "NIOConcurrencyHelpers", "Logging", "ServiceLifecycle", "ArgumentParser",
    "Histogram", "Dispatch", "UnixSignals",
  ]
  static let shell: Set<String> = ["VecClient", "VecFiles", "VecServer", "vecd", "vecctl", "vecbench", "recommend"]

  @Test("every import follows the graph of the house", arguments: allowed.keys.sorted())
  func importsFollowTheGraph(module: String) throws {
    let files = Repository.files(under: Self.folders[module] ?? "Sources/\(module)", endingIn: [".swift"])
    #expect(!files.isEmpty, "no sources found for \(module)")
    for file in files {
      for name in Self.imports(of: try Repository.lines(file)) {
        #expect(Self.mayImport(name, module), "\(file) imports \(name): not allowed in \(module)")
      }
    }
  }

  @Test("every folder with Swift sources is in the graph, below Sources and below Tools")
  func everyModuleIsKnown() throws {
    let folders = Set(Repository.files(under: "Sources", endingIn: [".swift"]).map { String($0.split(separator: "/")[1]) })
    #expect(folders.subtracting(Self.allowed.keys).isEmpty)
    for file in Repository.files(under: "Tools", endingIn: [".swift"]) {
      #expect(Self.folders.values.contains { file.hasPrefix($0 + "/") }, "\(file) is in no module of the graph")
    }
  }

  @Test("the graph allows a target what Package.swift gives it, and no more")
  func graphIsThePackage() throws {
    let package = try Repository.text("Package.swift")
    for (module, allowed) in Self.allowed {
      let named = Self.dependencies(of: module, in: package)
      #expect(named == allowed, "\(module): Package.swift has \(named.sorted()), the graph \(allowed.sorted())")
    }
  }

  @Test("the check refuses what the graph forbids")
  func checkCanFail() {
    #expect(!Self.mayImport("VecStorage", "VecIndex"))
    #expect(!Self.mayImport("VecIndex", "VecStorage"))
    #expect(!Self.mayImport("Foundation", "VecEngine"))
    #expect(!Self.mayImport("CSQLite", "VecEngine"))
    #expect(!Self.mayImport("VecEngine", "vecd"))
    #expect(!Self.mayImport("VecStorage", "vecbench"))
    let lines: [Substring] = ["package import VecCore", "  import struct Foo.Bar", "@preconcurrency import NIOCore"]
    #expect(Self.imports(of: lines) == ["VecCore", "Foo", "NIOCore"])
  }

  static func mayImport(_ name: String, _ module: String) -> Bool {
    if systemModules.contains(name) { return true }
    if shellModules.contains(name) { return shell.contains(module) }
    return allowed[module]?.contains(name) ?? false
  }

  /// The quoted names of the list that follows a target's name in the manifest of the package: its modules of this house.
  static func dependencies(of module: String, in package: String) -> Set<String> {
    let heads = ["library\\(\\s*\"\(module)\"", "executableTarget\\(\\s*name: \"\(module)\""]
    for head in heads {
      guard let pattern = try? Regex(head + ",[^\\[]*\\[([^\\]]*)\\]"),
        let match = package.firstMatch(of: pattern), let list = match.output[1].substring
      else { continue }
      return Set(list.matches(of: /"(\w+)"/).map { String($0.output.1) })
    }
    return []
  }

  /// Module names of import lines, whatever stands before the keyword.
  static func imports(of lines: [Substring]) -> [String] {
    lines.compactMap { line in
      let words = line.split(separator: " ")
      guard let position = words.firstIndex(of: "import"), position + 1 < words.count,
        words[..<position].allSatisfy({ ["public", "package", "internal", "private"].contains($0) || $0.hasPrefix("@") })
      else { return nil }
      let kinds: Set<Substring> = ["struct", "class", "enum", "func", "var", "let", "protocol", "typealias"]
      let target = kinds.contains(words[position + 1]) && position + 2 < words.count ? words[position + 2] : words[position + 1]
      return target.split(separator: ".").first.map(String.init)
    }
  }
}
