import Foundation

/// What a build found out about its indexes, for people: the daemon's JSON, as far as it is known here.
struct BuildReport: Decodable {
  struct Index: Decodable {
    struct Setting: Decodable {
      var k: Int
      var parameter: Int
      var recall: Double
      var reaches_target: Bool
    }

    var index: String
    var queries: Int
    var queries_given: Bool
    var settings: [Setting]
  }

  var target_recall: Double
  var indexes: [Index]

  init?(json: String) {
    guard let report = try? JSONDecoder().decode(BuildReport.self, from: Data(json.utf8)) else { return nil }
    self = report
  }

  /// On stderr, as the answer itself is on stdout.
  func tell() {
    guard !indexes.isEmpty else { return }
    var table = Table([("INDEX", .left), ("K", .right), ("SETTING", .left), ("RECALL", .right), ("", .left)])
    for index in indexes {
      for setting in index.settings {
        table.add([
          index.index, String(setting.k), "\(index.index == "hnsw" ? "ef" : "nprobe") \(setting.parameter)",
          Readable.fixed(setting.recall, 4),
          setting.reaches_target ? "" : "misses \(Readable.fixed(target_recall, 2)); searches use another index",
        ])
      }
    }
    Output.talk(table.text)
    guard let first = indexes.first else { return }
    Output.talk(
      first.queries_given
        ? "vecctl: measured with \(first.queries) of the given queries"
        : "vecctl: measured with \(first.queries) queries made from rows; give real ones with --queries to be sure")
  }
}
