import VecCore
import VecManifest

/// The ids of a named set, and when each of them counts no more.
struct ExclusionSet: NamedSetContent, Equatable {
  static var kind: NamedSetKind { .exclusions }
  static var setsMax: Int { Limits.excludeSetsMax }
  static var remedy: String { "forget some, or let them expire" }
  /// The end of a life that has none, and how a part says so.
  private static let never = Int64.max
  private static let storedNever: Int64 = -1

  /// Ascending.
  let ids: [UInt64]
  /// Of each id, in milliseconds since 1970.
  private let ends: [Int64]
  /// Of each id its place in the order in which they were appended, with gaps.
  private let ages: [UInt32]
  private let nextAge: UInt32
  private let firstEnd: Int64
  private let lastEnd: Int64

  static let empty = ExclusionSet(ids: [], ends: [], ages: [], nextAge: 0)

  private init(ids: [UInt64], ends: [Int64], ages: [UInt32], nextAge: UInt32) {
    self.ids = ids
    self.ends = ends
    self.ages = ages
    self.nextAge = nextAge
    firstEnd = ends.min() ?? Self.never
    lastEnd = ends.max() ?? 0
  }

  static func checkName(_ name: String) throws(VecError) { try Names.checkExcludeSet(name) }

  var idCount: Int { ids.count }

  var byteCount: Int { ids.count * 20 }

  /// Whether nothing of it counts any more.
  func isOver(at now: Int64) -> Bool { lastEnd <= now }

  /// The ids that count.
  func ids(at now: Int64) -> IDSet {
    let living = firstEnd > now ? ids : zip(ids, ends).lazy.filter { $0.1 > now }.map(\.0)
    return IDSet(ascending: living) ?? IDSet(living)
  }

  /// The ids that count, with their ends.
  func list(at now: Int64) -> Exclusions {
    let living = ids.indices.filter { ends[$0] > now }
    return Exclusions(
      ids: living.map { ids[$0] }, ends: living.map { ends[$0] == Self.never ? nil : ends[$0] })
  }

  /// All of it in one part, in the order appended.
  func part(at now: Int64) -> NamedSetPart {
    let order = ids.indices.sorted { ages[$0] < ages[$1] }
    return NamedSetPart(
      appendedAt: now, ids: order.map { ids[$0] },
      values: order.map { ends[$0] == Self.never ? Self.storedNever : ends[$0] })
  }
}

// MARK: - Appending

extension ExclusionSet {
  private struct Entry {
    var id: UInt64
    var end: Int64
    var age: UInt32
  }

  /// What an append of ids is in the manifest: each once, where it comes last.
  static func part(_ ids: [UInt64], lifetimeSeconds: UInt32?, at now: Int64) -> NamedSetPart {
    var seen: Set<UInt64> = []
    let kept = Array(ids.reversed().filter { seen.insert($0).inserted }.reversed())
    let end = lifetimeSeconds.map { now.addingReportingOverflow(Int64($0) * 1_000) }
    // A clock so far ahead is broken; its ids then stay for ever.
    let stored = end.map { $0.overflow ? storedNever : $0.partialValue } ?? storedNever
    return NamedSetPart(appendedAt: now, ids: kept, values: Array(repeating: stored, count: kept.count))
  }

  func appending(_ part: NamedSetPart) -> ExclusionSet {
    let base = nextAge < UInt32.max - UInt32(Limits.excludeSetIdsMax) ? self : renumbered
    let new = zip(part.ids, part.values).enumerated().map { position, item in
      Entry(
        id: item.0, end: item.1 == Self.storedNever ? Self.never : item.1, age: base.nextAge + UInt32(position))
    }.sorted { $0.id < $1.id }
    var merged = base.merged(with: new, at: part.appendedAt)
    if merged.count > Limits.excludeSetIdsMax {
      let oldest = merged.map(\.age).sorted()[merged.count - Limits.excludeSetIdsMax]
      merged.removeAll { $0.age < oldest }
    }
    return ExclusionSet(
      ids: merged.map(\.id), ends: merged.map(\.end), ages: merged.map(\.age),
      nextAge: base.nextAge + UInt32(part.ids.count))
  }

  /// - Parameter new: in order of id, each once.
  private func merged(with new: [Entry], at now: Int64) -> [Entry] {
    var out: [Entry] = []
    out.reserveCapacity(ids.count + new.count)
    var old = 0
    func takeOld(before id: UInt64?) {
      while old < ids.count, id.map({ ids[old] < $0 }) ?? true {
        if ends[old] > now { out.append(Entry(id: ids[old], end: ends[old], age: ages[old])) }
        old += 1
      }
    }
    for var entry in new {
      takeOld(before: entry.id)
      if old < ids.count, ids[old] == entry.id {
        entry.end = max(entry.end, ends[old])
        old += 1
      }
      out.append(entry)
    }
    takeOld(before: nil)
    return out
  }

  /// The same with ages from 0 on without gaps.
  private var renumbered: ExclusionSet {
    var ages = ages
    for (rank, place) in ids.indices.sorted(by: { self.ages[$0] < self.ages[$1] }).enumerated() { ages[place] = UInt32(rank) }
    return ExclusionSet(ids: ids, ends: ends, ages: ages, nextAge: UInt32(ids.count))
  }
}
