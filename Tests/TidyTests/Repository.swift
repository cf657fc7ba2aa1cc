import Foundation

/// The checkout that these tests were built from, as files and lines.
enum Repository {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Files under a folder with one of the endings, as paths relative to the root; build products left out.
  static func files(under folder: String, endingIn endings: [String]) -> [String] {
    let base = root.appendingPathComponent(folder)
    let walker = FileManager.default.enumerator(atPath: base.path)
    var out: [String] = []
    while let path = walker?.nextObject() as? String {
      guard !path.contains(".build/"), !path.contains(".venv"), !path.hasPrefix(".git/") else { continue }
      if endings.contains(where: { path.hasSuffix($0) }) { out.append(folder.isEmpty ? path : folder + "/" + path) }
    }
    return out.sorted()
  }

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  static func lines(_ path: String) throws -> [Substring] {
    try text(path).split(separator: "\n", omittingEmptySubsequences: false)
  }
}
