import VecCore
import VecIndex
import VecManifest

/// Biases of items, which searches that name the set add to scores. Never changed; rows that were looked up are kept with it.
final class BiasSet: NamedSetContent {
  static var kind: NamedSetKind { .biases }
  static var setsMax: Int { Limits.biasSetsMax }
  static var remedy: String { "forget some" }
  static var empty: BiasSet { BiasSet([], [], BiasPlaces()) }

  /// Ascending.
  let ids: [UInt64]
  /// One per id: finite, not 0.
  let values: [Float]
  /// Not below the magnitude of any.
  let greatest: Float
  /// Where its ids are in segments and blocks, as far as searches needed to know.
  let places: BiasPlaces

  private init(_ ids: [UInt64], _ values: [Float], _ places: BiasPlaces) {
    self.ids = ids
    self.values = values
    self.places = places
    greatest = values.reduce(0) { max($0, abs($1)) }
  }

  static func checkName(_ name: String) throws(VecError) { try Names.checkBiasSet(name) }

  var idCount: Int { ids.count }
  /// With rows that were looked up in one segment.
  var byteCount: Int { ids.count * (12 + 24) }

  /// The bias of an id; 0 for none.
  func value(of id: UInt64) -> Float {
    var (low, high) = (0, ids.count)
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low < ids.count && ids[low] == id ? values[low] : 0
  }
}

extension BiasSet {
  /// What a change of biases is in the manifest: each id once, with the bias that comes last.
  static func part(_ ids: [UInt64], _ biases: [Float], at now: Int64) -> NamedSetPart {
    var seen: Set<UInt64> = []
    let kept = Array(zip(ids, biases).reversed().filter { seen.insert($0.0).inserted }.reversed())
    return NamedSetPart(appendedAt: now, ids: kept.map(\.0), values: kept.map { Int64($0.1.bitPattern) })
  }

  /// All of it in one part.
  func part(at now: Int64) -> NamedSetPart {
    NamedSetPart(appendedAt: now, ids: ids, values: values.map { Int64($0.bitPattern) })
  }

  func appending(_ part: NamedSetPart) throws(VecError) -> BiasSet {
    let new = zip(part.ids, part.values).map { id, bits in (id: id, value: Float(bitPattern: UInt32(truncatingIfNeeded: bits))) }
      .sorted { $0.id < $1.id }
    let merged = merged(with: new)
    guard merged.ids.count <= Limits.biasSetIdsMax else {
      throw VecError(
        .limitExceeded,
        "the bias set would have \(merged.ids.count) ids, at most \(Limits.biasSetIdsMax): biases that all items have belong "
          + "into the vectors, as one more dimension")
    }
    return merged
  }

  /// - Parameter new: in order of id, each once; those with 0 leave.
  private func merged(with new: [(id: UInt64, value: Float)]) -> BiasSet {
    var (allIDs, all): ([UInt64], [Float]) = ([], [])
    allIDs.reserveCapacity(ids.count + new.count)
    all.reserveCapacity(ids.count + new.count)
    var old = 0
    func takeOld(before id: UInt64?) {
      let first = old
      while old < ids.count, id.map({ ids[old] < $0 }) ?? true { old += 1 }
      allIDs += ids[first..<old]
      all += values[first..<old]
    }
    for entry in new {
      takeOld(before: entry.id)
      if old < ids.count, ids[old] == entry.id { old += 1 }
      guard entry.value != 0 else { continue }
      allIDs.append(entry.id)
      all.append(entry.value)
    }
    takeOld(before: nil)
    return BiasSet(allIDs, all, BiasPlaces(after: places, changed: new.map(\.id)))
  }
}
