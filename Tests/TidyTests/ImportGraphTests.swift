import Testing

/// The house: which module may import which. SwiftPM lets a target import what it reaches only transitively, so the
/// graph of docs/ARCHITECTURE.md is held here.
@Suite struct ImportGraphTests {
  static let allowed: [String: Set<String>] = [
    "VecCore": ["CVecShims"],
    "VecKernels": ["VecCore", "CVecKernels"],
    "VecIndex": ["VecCore", "VecKernels"],
    "VecStorage": ["VecCore", "CLZ4", "CVecShims"],
    "VecManifest": ["VecCore", "CSQLite"],
    "VecEngine": ["VecCore", "VecKernels", "VecIndex", "VecStorage", "VecManifest"],
    "VecProtocol": ["VecCore"],
    "VecFiles": ["VecCore"],
    "VecClient": ["VecCore", "VecProtocol"],
    "VecServer": ["VecCore", "VecProtocol", "VecEngine", "CVecShims"],
    "vecd": ["VecCore", "VecServer", "VecEngine"],
    "vecctl": ["VecCore", "VecClient", "VecFiles", "VecStorage"],
  ]

  /// Modules from outside the project, and where they may be used.
  static let systemModules: Set<String> = ["Glibc", "Synchronization"]
  static let shellModules: Set<String> = [
    "Foundation", "NIOCore", "NIOPosix", "NIOConcurrencyHelpers", "Logging", "ServiceLifecycle", "ArgumentParser",
    "Histogram", "Dispatch", "UnixSignals",
  ]
  static let shell: Set<String> = ["VecClient", "VecFiles", "VecServer", "vecd", "vecctl"]

  @Test("every import follows the graph of the house", arguments: allowed.keys.sorted())
  func importsFollowTheGraph(module: String) throws {
    let files = Repository.files(under: "Sources/\(module)", endingIn: [".swift"])
    #expect(!files.isEmpty, "no sources found for \(module)")
    for file in files {
      for name in Self.imports(of: try Repository.lines(file)) {
        #expect(Self.mayImport(name, module), "\(file) imports \(name): not allowed in \(module)")
      }
    }
  }

  @Test("every folder of Sources is in the graph")
  func everyModuleIsKnown() throws {
    let folders = Set(Repository.files(under: "Sources", endingIn: [".swift"]).map { String($0.split(separator: "/")[1]) })
    #expect(folders.subtracting(Self.allowed.keys).isEmpty)
  }

  @Test("the check refuses what the graph forbids")
  func checkCanFail() {
    #expect(!Self.mayImport("VecStorage", "VecIndex"))
    #expect(!Self.mayImport("VecIndex", "VecStorage"))
    #expect(!Self.mayImport("Foundation", "VecEngine"))
    #expect(!Self.mayImport("CSQLite", "VecEngine"))
    let lines: [Substring] = ["package import VecCore", "  import struct Foo.Bar", "@preconcurrency import NIOCore"]
    #expect(Self.imports(of: lines) == ["VecCore", "Foo", "NIOCore"])
  }

  static func mayImport(_ name: String, _ module: String) -> Bool {
    if systemModules.contains(name) { return true }
    if shellModules.contains(name) { return shell.contains(module) }
    return allowed[module]?.contains(name) ?? false
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
