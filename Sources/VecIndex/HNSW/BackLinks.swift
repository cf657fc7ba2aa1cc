/// The links of a batch turned round: for each row that was linked to, who links to it, in the order of the batch.
final class BackLinks {
  private static let end = UInt32.max

  /// Rows that got links, in the order of their first one.
  private(set) var targets: [UInt32] = []
  /// Per row the last link of its chain.
  private let heads: HotArray<UInt32>
  private var sources: [UInt32] = []
  /// Per link the one before it in its chain.
  private var previous: [UInt32] = []

  init(rowCount: Int) { heads = HotArray(rowCount, repeating: Self.end) }

  func clear() {
    for target in targets { heads.base[Int(target)] = Self.end }
    targets.removeAll(keepingCapacity: true)
    sources.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
  }

  func add(from source: UInt32, to target: UInt32) {
    let head = heads.base[Int(target)]
    if head == Self.end { targets.append(target) }
    previous.append(head)
    heads.base[Int(target)] = UInt32(sources.count)
    sources.append(source)
  }

  /// Who links to the row, the latest first.
  func links(to target: UInt32) -> [UInt32] {
    var found: [UInt32] = []
    var link = heads.base[Int(target)]
    while link != Self.end {
      found.append(sources[Int(link)])
      link = previous[Int(link)]
    }
    return found
  }
}
