package import VecCore

/// Ids of some rows: numbers, or texts and the ids that these have.
package struct IDBlock: Sendable, Equatable {
  package var ids: [UInt64]
  /// One per id, or empty when they are numbers.
  package var stringIDs: [String]

  package init(ids: [UInt64]) {
    self.ids = ids
    stringIDs = []
  }

  package init(stringIDs: [String]) {
    ids = stringIDs.map { StringID.id(of: $0) }
    self.stringIDs = stringIDs
  }
}

/// Ids of a file: an npy column of integers, or a text file (its name ends in .txt) with a string id per line.
package final class IDSource {
  private enum Reader {
    case numbers(NpyIds)
    case texts(TextIds)
  }

  private let reader: Reader
  /// The path, for messages.
  package let name: String

  package init(path: String) throws(VecError) {
    name = path
    reader = path.lowercased().hasSuffix(".txt") ? .texts(try TextIds(path: path)) : .numbers(try NpyIds(path: path))
  }

  /// Ids in all; nil when only the end of the file tells.
  package var rowCount: Int? {
    if case .numbers(let ids) = reader { ids.rowCount } else { nil }
  }

  package var isText: Bool { rowCount == nil }

  /// The next ids, at most `limit`; nil after the last. For ids that come without vectors.
  package func nextBlock(limit: Int) throws(VecError) -> IDBlock? {
    switch reader {
    case .numbers(let ids): return try ids.nextBlock(limit: limit).map { IDBlock(ids: $0) }
    case .texts(let texts):
      let block = try texts.next(limit: limit)
      return block.isEmpty ? nil : IDBlock(stringIDs: block)
    }
  }

  /// Demands one id per row of the vectors in `name`, as far as that is known before they are read.
  func check(rowCount: Int, of name: String) throws(VecError) {
    if case .numbers(let ids) = reader { try ids.check(rowCount: rowCount, of: name) }
  }

  /// The next `count` ids.
  func next(_ count: Int) throws(VecError) -> IDBlock {
    switch reader {
    case .numbers(let ids): IDBlock(ids: try ids.next(count))
    case .texts(let texts): IDBlock(stringIDs: try texts.next(count))
    }
  }

  /// That no id is left over once the vectors have ended.
  func finish() throws(VecError) {
    if case .texts(let texts) = reader { try texts.finish() }
  }
}
