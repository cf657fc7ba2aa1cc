import Foundation
import Testing
import VecCore

/// One line of the right form, with every one of `words`; with --json the same as an object on stdout.
func expectRefusal(
  _ outcome: Outcome, _ status: Int32, _ code: VecErrorCode, _ words: [String], _ what: String, json: Bool = false,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.status == status, "\(what): \(outcome.stderr)", sourceLocation: sourceLocation)
  #expect(outcome.lines.count == 1, "\(what): \(outcome.stderr)", sourceLocation: sourceLocation)
  let line = outcome.lines.first ?? ""
  #expect(
    line.hasPrefix("vecctl: error: ") && line.hasSuffix(" [\(code.name)]"), "\(what): \(line)",
    sourceLocation: sourceLocation)
  for word in words { #expect(line.contains(word), "\(what): \(line)", sourceLocation: sourceLocation) }
  guard json else {
    #expect(outcome.stdout.isEmpty, "\(what)", sourceLocation: sourceLocation)
    return
  }
  let error = (try? outcome.json())?["error"] as? [String: Any]
  #expect(error?["code"] as? Int == Int(code.rawValue), "\(what): \(outcome.text)", sourceLocation: sourceLocation)
  #expect(error?["name"] as? String == code.name, "\(what): \(outcome.text)", sourceLocation: sourceLocation)
  let message = error?["message"] as? String ?? "no message"
  #expect(line == "vecctl: error: \(message) [\(code.name)]", "\(what)", sourceLocation: sourceLocation)
}

extension DaemonFixture {
  /// A daemon with a live generation of four dimensions in each of two collections.
  static func filled() throws -> DaemonFixture {
    let daemon = try DaemonFixture()
    for (name, metric) in [("items", "ip"), ("angles", "cosine")] {
      _ = try daemon.json("create", name, "--dim", "4", "--metric", metric)
      try daemon.write("good.npy", SampleFiles.vectors([[1, 0, 0, 1], [0, 1, 0, 0], [0.1, 0, 1, 0]]))
      try daemon.write("good-ids.npy", SampleFiles.ids([10, 20, 30]))
      try daemon.publish(name, "good.npy", ids: "good-ids.npy", as: "live")
    }
    return daemon
  }

  /// The store is as `filled` left it.
  func expectUntouched(sourceLocation: SourceLocation = #_sourceLocation) throws {
    for name in ["items", "angles"] {
      let rows = try generations(name).mapValues { $0["rows"] as? Int }
      #expect(rows == ["live": 3], sourceLocation: sourceLocation)
    }
    #expect(segmentFiles.count == 2, "\(segmentFiles)", sourceLocation: sourceLocation)
    let verified = try json("verify")
    #expect((verified["findings"] as? [Any])?.isEmpty == true, sourceLocation: sourceLocation)
  }

  /// All that `list` tells, sequence numbers included, and the files of the store with their lengths: the same before
  /// and after an act that left nothing. The manifest's files are left out: SQLite grows them as it likes.
  func trace() throws -> String {
    let files = FileManager.default.enumerator(atPath: store)?.compactMap { $0 as? String } ?? []
    let lengths = try files.filter { !$0.hasPrefix("manifest") }.sorted().map { file in
      "\(file) \(try FileManager.default.attributesOfItem(atPath: store + "/" + file)[.size] ?? 0)"
    }
    return try vecctl("list", "--json").text + lengths.joined(separator: "\n")
  }
}
