import Foundation

/// What was checked before a publish, for people: the daemon's JSON, as far as it is known here.
struct CheckReport: Decodable {
  struct Queries: Decodable {
    var count: Int
    var source: String
  }

  struct Check: Decodable {
    var check: String
    var limit: AnyJSON
    var measured: AnyJSON
    var passed: Bool
  }

  var k: Int?
  var queries: Queries?
  var checks: [Check]

  init?(json: String) {
    guard let report = try? JSONDecoder().decode(CheckReport.self, from: Data(json.utf8)) else { return nil }
    self = report
  }

  var table: String {
    var table = Table([("CHECK", .left), ("MEASURED", .right), ("LIMIT", .right), ("", .left)])
    for one in checks {
      let verdict = one.limit.isNull ? "" : one.passed ? "holds" : "FAILS"
      table.add([one.check.replacing("_", with: " "), Self.text(one.measured), Self.text(one.limit), verdict])
    }
    guard let queries else { return table.text }
    return "\(table.text)\n\(queries.count) queries (\(queries.source))\(k.map { ", k \($0)" } ?? "")"
  }

  private static func text(_ value: AnyJSON) -> String {
    switch value {
    case .int(let number): Readable.count(number)
    case .number(let number): Readable.fixed(number, 4)
    case .string(let text): text
    default: "-"
    }
  }
}

extension AnyJSON {
  var isNull: Bool {
    if case .null = self { true } else { false }
  }
}
