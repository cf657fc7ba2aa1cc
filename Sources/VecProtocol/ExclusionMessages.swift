import VecCore

/// Named sets of excluded ids: appending to one, forgetting it, and what it holds.
extension ExcludeRequest {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> ExcludeRequest {
    let collection = try reader.readString()
    let set = try reader.readString()
    let seconds: UInt32 = try reader.read()
    let count = try RequestLimits.excludeIds(Int(try reader.read(UInt32.self)))
    return ExcludeRequest(
      collection: collection, set: set, lifetimeSeconds: seconds == 0 ? nil : seconds,
      ids: try reader.readArray(UInt64.self, count: count))
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: collection)
    writer.write(string: set)
    writer.write(lifetimeSeconds ?? 0)
    writer.write(UInt32(clamping: ids.count))
    writer.write(array: ids)
  }

  func check() throws(VecError) {
    try Names.checkCollection(collection)
    try Names.checkExcludeSet(set)
    // On the wire 0 is for ever.
    guard lifetimeSeconds != 0 else {
      throw VecError(.invalidArgument, "the life of excluded ids is 0 seconds, must be 1 to \(UInt32.max), or none for ever")
    }
    try RequestLimits.excludeIds(ids.count)
  }
}

extension NamedSetRequest {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> NamedSetRequest {
    NamedSetRequest(collection: try reader.readString(), set: try reader.readString())
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: collection)
    writer.write(string: set)
  }

  /// - Parameter what: it names a set of.
  func check(_ what: String) throws(VecError) {
    try Names.checkCollection(collection)
    try Names.checkSet(set, what)
  }
}

extension Exclusions {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> Exclusions {
    let count = try reader.readCount(leastBytes: 16, of: "excluded ids")
    let ids = try reader.readArray(UInt64.self, count: count)
    guard zip(ids, ids.dropFirst()).allSatisfy({ $0 < $1 }) else { throw reader.failure("excluded ids do not ascend") }
    let ends = try reader.readArray(Int64.self, count: count)
    return Exclusions(ids: ids, ends: ends.map { $0 == -1 ? nil : $0 })
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(UInt32(clamping: ids.count))
    writer.write(array: ids)
    writer.write(array: ends.map { $0 ?? -1 })
  }
}

/// The names of exclude sets that a search gives.
enum ExcludeSetNames {
  static func encode(_ names: [String]) -> [UInt8] {
    var writer = ByteWriter(reserving: 4 + names.reduce(0) { $0 + 2 + $1.utf8.count })
    writer.write(UInt32(clamping: names.count))
    for name in names { writer.write(string: name) }
    return writer.bytes
  }

  /// - Parameter queryCount: of the request: there is one name for all of its queries, or one for each.
  static func parse(_ reader: inout ByteReader, queryCount: Int) throws(VecError) -> [String] {
    let count = Int(try reader.read(UInt32.self))
    guard count == 1 || count == queryCount else {
      throw reader.failure("\(count) names of exclude sets, must be 1 or \(queryCount), the number of queries")
    }
    var names: [String] = []
    for _ in 0..<count { names.append(try reader.readString()) }
    return names
  }

  static func check(_ names: [String], queryCount: Int) throws(VecError) {
    guard names.count <= 1 || names.count == queryCount else {
      throw VecError(
        .invalidArgument,
        "\(names.count) names of exclude sets for \(queryCount) queries; give one for all, or one for each")
    }
    for name in names where !name.isEmpty { try Names.checkExcludeSet(name) }
  }
}
