import Foundation
import VecCore

/// What seal, compact and snapshot tell: the daemon's JSON, as far as it is known here.
struct UpkeepReply: Decodable {
  var generation: String?
  var sequence: UInt64?
  var rows: UInt64?
  var segments: UInt64?
  var bytes_before: UInt64?
  var bytes_after: UInt64?
  var path: String?
  var files: UInt64?
  var bytes: UInt64?

  init(json: String, of verb: String) throws(VecError) {
    do {
      self = try JSONDecoder().decode(UpkeepReply.self, from: Data(json.utf8))
    } catch {
      throw VecError(.malformedFrame, "the daemon's reply to \(verb) is not the JSON it should be: \(Names.quoted(json))")
    }
  }

  /// Those that are there, in the order of `docs/COMMANDS.md`.
  var members: [(String, JSON)] {
    let all: [(String, JSON?)] = [
      ("generation", generation.map { .string($0) }), ("sequence", sequence.map { .unsigned($0) }),
      ("rows", rows.map { .unsigned($0) }), ("segments", segments.map { .unsigned($0) }),
      ("bytes_before", bytes_before.map { .unsigned($0) }), ("bytes_after", bytes_after.map { .unsigned($0) }),
      ("path", path.map { .string($0) }), ("files", files.map { .unsigned($0) }),
      ("bytes", bytes.map { .unsigned($0) }),
    ]
    return all.compactMap { name, value in value.map { (name, $0) } }
  }
}
