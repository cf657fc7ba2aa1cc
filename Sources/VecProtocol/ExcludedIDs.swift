import VecCore

/// Sets of ids in few bytes: the first id, then the gaps between one and the next in the least width that all fit.
/// A thousand ids of a catalogue of millions take two bytes each.
enum ExcludedIDs {
  static func encode(_ sets: [IDSet]) -> [UInt8] {
    var writer = ByteWriter(reserving: 4 + sets.reduce(0) { $0 + 13 + 8 * $1.count })
    writer.write(UInt32(clamping: sets.count))
    for set in sets {
      writer.write(UInt32(clamping: set.count))
      guard let first = set.ids.first else { continue }
      let gaps = zip(set.ids, set.ids.dropFirst()).map { $1 - $0 }
      let width = width(of: gaps.max() ?? 0)
      writer.write(UInt8(width))
      writer.write(first)
      switch width {
      case 1: writer.write(array: gaps.map { UInt8($0) })
      case 2: writer.write(array: gaps.map { UInt16($0) })
      case 4: writer.write(array: gaps.map { UInt32($0) })
      default: writer.write(array: gaps)
      }
    }
    return writer.bytes
  }

  /// - Parameter queryCount: of the request: there is one set for all of its queries, or one for each.
  static func parse(_ reader: inout ByteReader, queryCount: Int) throws(VecError) -> [IDSet] {
    let setCount = Int(try reader.read(UInt32.self))
    guard setCount == 1 || setCount == queryCount else {
      throw reader.failure("\(setCount) sets of excluded ids, must be 1 or \(queryCount), the number of queries")
    }
    var sets: [IDSet] = []
    var total = 0
    for _ in 0..<setCount {
      let count = Int(try reader.read(UInt32.self))
      total += count
      try RequestLimits.excludedIds(total)
      sets.append(count == 0 ? [] : try set(&reader, count))
    }
    return sets
  }

  private static func set(_ reader: inout ByteReader, _ count: Int) throws(VecError) -> IDSet {
    let width = Int(try reader.read(UInt8.self))
    let first: UInt64 = try reader.read()
    let gaps: [UInt64] =
      switch width {
      case 1: try reader.readArray(UInt8.self, count: count - 1).map { UInt64($0) }
      case 2: try reader.readArray(UInt16.self, count: count - 1).map { UInt64($0) }
      case 4: try reader.readArray(UInt32.self, count: count - 1).map { UInt64($0) }
      case 8: try reader.readArray(UInt64.self, count: count - 1)
      default: throw reader.failure("gaps of excluded ids have \(width) bytes, must have 1, 2, 4 or 8")
      }
    guard width == Self.width(of: gaps.max() ?? 0) else {
      throw reader.failure("gaps of excluded ids have \(width) bytes and fit in fewer")
    }
    var ids = [first]
    ids.reserveCapacity(count)
    var last = first
    for gap in gaps {
      let (next, overflow) = last.addingReportingOverflow(gap)
      guard gap > 0, !overflow else { throw reader.failure("excluded ids do not ascend behind \(last)") }
      ids.append(next)
      last = next
    }
    guard let set = IDSet(ascending: ids) else { throw reader.failure("excluded ids do not ascend") }
    return set
  }

  private static func width(of greatest: UInt64) -> Int {
    switch greatest {
    case ..<0x100: 1
    case ..<0x1_0000: 2
    case ..<0x1_0000_0000: 4
    default: 8
    }
  }
}
