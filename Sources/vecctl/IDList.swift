import VecCore
import VecFiles

/// Ids given on the command line, or in a file.
enum IDList {
  /// `1,2,3`.
  ///
  /// - Parameter option: its name, for messages; there is one for a file with `-file` behind it.
  static func parse(_ text: String, option: String, limit: Int) throws(VecError) -> [UInt64] {
    var ids: [UInt64] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let id = UInt64(part.filter { $0 != " " }) else {
        throw VecError(
          .invalidArgument,
          "\(option): \(Names.quoted(String(part))) is not an integer from 0 to 18446744073709551615; write 1,2,3")
      }
      ids.append(id)
    }
    guard ids.count <= limit else {
      throw VecError(.limitExceeded, "\(option) holds \(ids.count) ids, at most \(limit); use \(option)-file")
    }
    return ids
  }

  /// All ids of a file of shape (n,).
  static func read(_ path: String, limit: Int) throws(VecError) -> [UInt64] {
    let source = try NpyIds(path: path)
    guard source.rowCount <= limit else {
      throw VecError(.limitExceeded, "\(path) holds \(source.rowCount) ids, at most \(limit)")
    }
    var ids: [UInt64] = []
    while let block = try source.nextBlock(limit: limit) { ids += block }
    return ids
  }
}
