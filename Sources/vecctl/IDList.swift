import VecClient
import VecCore
import VecFiles

/// Ids given on the command line, or in a file.
enum IDList {
  /// `1,2,3`, or texts where items are known by these; a text with a comma in it needs a file.
  ///
  /// - Parameter option: its name, for messages; there is one for a file with `-file` behind it.
  static func parse(_ text: String, option: String, limit: Int, _ kind: IDKind) throws(VecError) -> [UInt64] {
    var ids: [UInt64] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      ids.append(try id(String(part), of: "\(option): ", kind, right: "; write 1,2,3"))
    }
    guard ids.count <= limit else {
      throw VecError(.limitExceeded, "\(option) holds \(ids.count) ids, at most \(limit); use \(option)-file")
    }
    return ids
  }

  /// - Parameters:
  ///   - place: begins the message about what is none.
  ///   - right: ends it.
  static func id(_ text: String, of place: String, _ kind: IDKind, right: String = "") throws(VecError) -> UInt64 {
    switch kind {
    case .number:
      guard let id = UInt64(text.filter { $0 != " " }) else {
        throw VecError(
          .invalidArgument, "\(place)\(Names.quoted(text)) is not an integer from 0 to 18446744073709551615\(right)")
      }
      return id
    case .string:
      if let defect = StringID.defect(of: text) {
        throw VecError(.invalidArgument, "\(place)string id \(Names.quoted(text)) \(defect)")
      }
      return StringID.id(of: text)
    }
  }

  /// All ids of a file.
  static func read(_ path: String, limit: Int, _ kind: IDKind, of collection: String) throws(VecError) -> [UInt64] {
    let source = try IDSource(path: path)
    try source.check(kind, of: collection)
    var ids: [UInt64] = []
    while let block = try source.nextBlock(limit: limit) {
      ids += block.ids
      guard max(source.rowCount ?? 0, ids.count) <= limit else {
        throw VecError(.limitExceeded, "\(path) holds \(source.rowCount ?? ids.count) ids, at most \(limit)")
      }
    }
    return ids
  }
}

extension IDSource {
  /// Texts say nothing about items that are known by numbers. (Numbers do about the others: they are the ids of texts.)
  func check(_ kind: IDKind, of collection: String) throws(VecError) {
    guard isText, kind == .number else { return }
    throw VecError(.invalidArgument, "\(name) holds string ids, but the items of \(collection) are known by numbers")
  }
}

extension VecClient {
  /// What the items of a collection are known by.
  func idKind(of collection: String) async throws -> IDKind { try await describe(collection: collection).ids }

  /// The texts of ids of the live generation, as far as it has them.
  func stringIDs(of ids: [UInt64], in collection: String) async throws -> [UInt64: String] {
    var texts: [UInt64: String] = [:]
    // A reply carries vectors too, of up to 4,096 values.
    for start in stride(from: 0, to: ids.count, by: 2_048) {
      let part = Array(ids[start..<min(start + 2_048, ids.count)])
      let reply = try await get(collection: collection, ids: part, fields: .stringID)
      for (id, record) in zip(zip(part, reply.found).filter(\.1).map(\.0), reply.records) {
        texts[id] = record.stringID?.text
      }
    }
    return texts
  }
}

/// Ids for people and for programs: numbers, or the texts that they stand for.
struct IDText {
  let kind: IDKind

  var side: Table.Side { kind == .number ? .right : .left }

  /// - Parameter text: of the id, where one is known.
  func cell(_ id: UInt64, _ text: String?) -> String { kind == .number ? String(id) : text ?? "#\(id)" }

  /// Of a JSON object: where a text is not known its hash stands in its place.
  func members(_ id: UInt64, _ text: String?) -> [(String, JSON)] {
    guard kind == .string else { return [("id", .unsigned(id))] }
    return text.map { [("id", .string($0))] } ?? [("id", .null), ("hash", .unsigned(id))]
  }
}
