import VecCore

/// Rows that no score can tell apart: one of each group is a node of the graph and stands for the others.
///
/// Without this a node's list fills up with copies of the node itself, and the graph falls into islands.
package struct TwinRows: Sendable, Equatable {
  /// Rows that stand for others, ascending.
  package let representatives: [UInt32]
  /// `members[offsets[i]..<offsets[i + 1]]` are the others of representative i; one entry more than representatives.
  package let offsets: [UInt32]
  /// Ascending within a group.
  package let members: [UInt32]

  static let none = TwinRows(representatives: [], offsets: [0], members: [])

  /// The rows that a node stands for besides itself.
  func others(of row: UInt32) -> ArraySlice<UInt32> {
    var first = 0
    var length = representatives.count
    while length > 0 {
      let half = length >> 1
      let isBelow = representatives[first + half] < row
      first = isBelow ? first + half + 1 : first
      length = isBelow ? length - half - 1 : half
    }
    guard first < representatives.count, representatives[first] == row else { return [] }
    return members[Int(offsets[first])..<Int(offsets[first + 1])]
  }
}

extension TwinRows {
  /// Finds the groups among all rows of a scorer.
  init(_ scorer: some RowScorer, team: WorkTeam) {
    let count = scorer.rowCount
    let hashes = HotArray<UInt64>(count, repeating: 0)
    team.forEach(count, step: 8_192) { _, range in
      for row in range { hashes.base[row] = scorer.hash(UInt32(row)) }
    }
    let order = (0..<UInt32(count)).sorted { a, b in
      let left = hashes.base[Int(a)]
      let right = hashes.base[Int(b)]
      return left != right ? left < right : a < b
    }
    var groups: [(representative: UInt32, members: [UInt32])] = []
    var start = 0
    while start < count {
      var end = start + 1
      while end < count, hashes.base[Int(order[end])] == hashes.base[Int(order[start])] { end += 1 }
      var rest = Array(order[start..<end])
      // Almost always one pass: different rows of one hash are rare.
      while rest.count > 1 {
        let first = rest[0]
        let same = rest.dropFirst().filter { scorer.isSame(first, $0) }
        if !same.isEmpty { groups.append((first, same)) }
        let taken = Set(same)
        rest = rest.dropFirst().filter { !taken.contains($0) }
      }
      start = end
    }
    groups.sort { $0.representative < $1.representative }
    var offsets: [UInt32] = [0]
    for group in groups { offsets.append(offsets[offsets.count - 1] + UInt32(group.members.count)) }
    self.init(
      representatives: groups.map(\.representative), offsets: offsets, members: groups.flatMap(\.members))
  }
}

extension TwinRows {
  /// Per row that another one stands for, that other one.
  func standIns() -> [UInt32: UInt32] {
    var found: [UInt32: UInt32] = [:]
    for (number, representative) in representatives.enumerated() {
      for member in members[Int(offsets[number])..<Int(offsets[number + 1])] { found[member] = representative }
    }
    return found
  }
}

extension VectorPlane {
  /// A number that is equal for rows that `isSame` holds for.
  func hash(_ row: UInt32) -> UInt64 {
    let bytes = self.row(Int(row))
    var state: UInt64 = 0xCBF2_9CE4_8422_2325
    for at in 0..<dimension {
      state = (state ^ UInt64(bits(bytes, at))) &* 0x9E37_79B9_7F4A_7C15
      state ^= state >> 29
    }
    return state
  }

  /// Whether two rows hold the same numbers, so that no score can tell them apart.
  func isSame(_ a: UInt32, _ b: UInt32) -> Bool {
    let left = row(Int(a))
    let right = row(Int(b))
    return (0..<dimension).allSatisfy { bits(left, $0) == bits(right, $0) }
  }

  /// The bits of an element, the same for both zeros.
  @inline(__always)
  private func bits(_ row: UnsafeRawPointer, _ component: Int) -> UInt32 {
    if elementType == .f32 {
      let bits = row.loadUnaligned(fromByteOffset: 4 * component, as: UInt32.self)
      return bits == 0x8000_0000 ? 0 : bits
    }
    let bits = row.loadUnaligned(fromByteOffset: 2 * component, as: UInt16.self)
    return bits == 0x8000 ? 0 : UInt32(bits)
  }
}
