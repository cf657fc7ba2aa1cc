/// Some ids, each once, in ascending order.
public struct IDSet: Sendable, Equatable, ExpressibleByArrayLiteral {
  public let ids: [UInt64]

  /// From ids in any order, repeats among them or not.
  public init(_ ids: some Sequence<UInt64>) {
    var ids = Array(ids)
    let ascend = zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 }
    if !ascend {
      ids.sort()
      var kept = 0
      for place in ids.indices where place == 0 || ids[place] != ids[kept - 1] {
        ids[kept] = ids[place]
        kept += 1
      }
      ids.removeLast(ids.count - kept)
    }
    self.ids = ids
  }

  public init(arrayLiteral ids: UInt64...) { self.init(ids) }

  /// From ids that ascend already; nil when they do not.
  package init?(ascending ids: [UInt64]) {
    guard zip(ids, ids.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
    self.ids = ids
  }

  /// The ids of both.
  package func union(_ other: IDSet) -> IDSet {
    var joined: [UInt64] = []
    joined.reserveCapacity(ids.count + other.ids.count)
    var (mine, theirs) = (0, 0)
    while mine < ids.count, theirs < other.ids.count {
      let (a, b) = (ids[mine], other.ids[theirs])
      joined.append(min(a, b))
      if a <= b { mine += 1 }
      if b <= a { theirs += 1 }
    }
    joined += ids[mine...]
    joined += other.ids[theirs...]
    return IDSet(joined)
  }

  public var count: Int { ids.count }
  public var isEmpty: Bool { ids.isEmpty }
}
