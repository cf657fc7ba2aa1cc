import Synchronization
import Testing
import VecCore
import VecEngine

/// A clock that stands still until it is set.
final class HeldClock: Sendable {
  private let time: Atomic<Int64>

  init(_ now: Int64) { time = Atomic(now) }

  var now: Int64 {
    get { time.load(ordering: .relaxed) }
    set { time.store(newValue, ordering: .relaxed) }
  }
}

/// The plainest named sets that could be right: of each the ids in the order appended, with the ends of their lives.
struct ExclusionModel {
  var sets: [String: [(id: UInt64, end: Int64)]] = [:]

  mutating func append(_ name: String, _ ids: [UInt64], seconds: UInt32?, at now: Int64) -> UInt64 {
    var set = (sets[name] ?? []).filter { $0.end > now }
    let end = seconds.map { now + Int64($0) * 1_000 } ?? .max
    var last: [UInt64: Int] = [:]
    for (place, id) in ids.enumerated() { last[id] = place }
    var old: [UInt64: Int64] = [:]
    for item in set { old[item.id] = item.end }
    set.removeAll { last[$0.id] != nil }
    for (place, id) in ids.enumerated() where last[id] == place { set.append((id, max(end, old[id] ?? 0))) }
    sets[name] = Array(set.suffix(Limits.excludeSetIdsMax))
    return UInt64(sets[name]?.count ?? 0)
  }

  func list(_ name: String, at now: Int64) -> Exclusions {
    let living = (sets[name] ?? []).filter { $0.end > now }.sorted { $0.id < $1.id }
    return Exclusions(ids: living.map(\.id), ends: living.map { $0.end == .max ? nil : $0.end })
  }
}

extension Engine {
  @discardableResult
  func exclude(_ name: String, _ set: String, _ ids: [UInt64], seconds: UInt32? = nil) throws -> UInt64 {
    let request = ExcludeRequest(collection: name, set: set, lifetimeSeconds: seconds, ids: ids)
    return try exclude([.append(request)])[0].get()
  }

  @discardableResult
  func forget(_ name: String, _ set: String) throws -> Bool {
    try exclude([.forget(NamedSetRequest(collection: name, set: set))])[0].get() == 1
  }
}
