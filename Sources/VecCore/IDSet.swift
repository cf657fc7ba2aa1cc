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

  public var count: Int { ids.count }
  public var isEmpty: Bool { ids.isEmpty }
}
