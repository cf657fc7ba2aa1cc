import Foundation
import Testing

/// Rules that matter are executable: shape of files, words that do not belong, links that must resolve.
@Suite struct SourceRuleTests {
  static let core = [
    "VecCore", "VecAttributes", "VecKernels", "VecIndex", "VecStorage", "VecManifest", "VecEngine", "VecProtocol",
  ]

  /// What may not stand in Swift sources, where, and what to use instead.
  static let banned: [(token: String, folders: [String], instead: String)] = [
    ("try!", ["Sources"], "a typed error"),
    ("fatalError(", ["Sources"], "a VecError, or precondition with its reason"),
    ("-Ounchecked", ["Sources", "Tests"], "pointers in the few hot files"),
    ("unsafeFlags", ["Package.swift"], "nothing: no flags"),
    ("march=native", ["Sources", "Tools", "Package.swift"], "target attributes and run-time dispatch"),
    ("print(", core.map { "Sources/" + $0 }, "returned values; the shell prints"),
    ("Date()", core.map { "Sources/" + $0 }, "the clock that is handed in"),
    ("getenv(", core.map { "Sources/" + $0 }, "options that are handed in"),
    ("SystemRandomNumberGenerator", core.map { "Sources/" + $0 }, "a seed that is handed in"),
    (" async ", core.map { "Sources/" + $0 }, "synchronous code: async belongs to the shell"),
    ("TODO", ["Sources", "Tests", "Tools", "docs"], "the thing itself, or an issue"),
    ("FIXME", ["Sources", "Tests", "Tools", "docs"], "the thing itself, or an issue"),
  ]

  @Test("banned words do not occur", arguments: banned.indices)
  func bannedWords(rule: Int) throws {
    let (token, folders, instead) = Self.banned[rule]
    for folder in folders {
      let files =
        folder.hasSuffix(".swift") ? [folder] : Repository.files(under: folder, endingIn: [".swift", ".c", ".h", ".py", ".md"])
      for file in files where !file.hasSuffix("SourceRuleTests.swift") {
        for (number, line) in try Repository.lines(file).enumerated() where Self.isCode(line) {
          #expect(!line.contains(token), "\(file):\(number + 1) has \(token): use \(instead)")
        }
      }
    }
  }

  @Test("no Swift file is longer than 400 lines, no line longer than 130 columns")
  func sizes() throws {
    for folder in ["Sources", "Tests"] {
      for file in Repository.files(under: folder, endingIn: [".swift", ".c", ".h"]) {
        let lines = try Repository.lines(file)
        #expect(lines.count <= (folder == "Sources" ? 400 : 600), "\(file) has \(lines.count) lines: more than one idea?")
        for (number, line) in lines.enumerated() {
          #expect(line.count <= 130, "\(file):\(number + 1) has \(line.count) columns")
        }
      }
    }
  }

  @Test("every relative link of the documents resolves")
  func links() throws {
    let documents =
      ["README.md"] + Repository.files(under: "docs", endingIn: [".md"])
      + Repository.files(under: "Formats", endingIn: [".md"]) + Repository.files(under: "Tools", endingIn: [".md"])
    var count = 0
    for document in documents {
      let folder = document.split(separator: "/").dropLast().joined(separator: "/")
      for match in try Repository.text(document).matches(of: /\]\(([^)#:\s]+)(#[^)]*)?\)/) {
        let target = (folder.isEmpty ? "" : folder + "/") + match.output.1
        let exists = (try? Repository.root.appendingPathComponent(target).checkResourceIsReachable()) ?? false
        #expect(exists, "\(document) links to \(match.output.1), which is not there")
        count += 1
      }
    }
    #expect(count > 0, "no link was found, so nothing was checked")
  }

  /// Comments may name what the rules forbid.
  static func isCode(_ line: Substring) -> Bool {
    let text = line.drop { $0 == " " }
    return !text.hasPrefix("//") && !text.hasPrefix("*")
  }
}
