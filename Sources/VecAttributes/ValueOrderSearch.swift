import VecCore

// Where the rows that pass a test stand in an order of values.
extension ValueOrder.Column {
  /// Slices of rows among which all that pass a test are; nil when they have more than `limit` rows together or the order does
  /// not tell. They can hold a row twice, and rows that do not pass.
  ///
  /// - Parameter test: of this column.
  func rows(passing test: LeafTest, limit: Int) -> [ValueOrder.Rows]? {
    switch test {
    case .never: return []
    case .always, .bools: return nil
    case .ranges(let offsets, let ranges):
      return slices(ranges, limit) { range, room in
        starts.isEmpty ? slice(of: range, room) { offsets[$0] } : lists(Int(range.lowerBound)...Int(range.upperBound), room)
      }
    case .numbers(let offsets, let numbers):
      return slices(numbers, limit) { number, room in slice(of: number...number, room) { offsets[$0] } }
    case .floatRanges(let values, let ranges):
      return slices(ranges, limit) { range, room in slice(of: range, room) { values[$0] } }
    case .floats(let values, let numbers):
      return slices(numbers, limit) { number, room in slice(of: number...number, room) { values[$0] } }
    case .codes(_, let set):
      return slices(set.codes, limit) { code, room in lists(code...code, room) }
    case .counted(_, _, let set, let least):
      let codes = set.codes
      if least == 1 { return slices(codes, limit) { code, room in lists(code...code, room) } }
      // All are asked for: the rows of any one of them have all that pass.
      return codes.compactMap { lists($0...$0, limit) }.min { $0.count < $1.count }.map { [$0] }
    }
  }

  /// A slice for each part of a test; nil as soon as they are too many. Finding a slice costs about as much as looking at
  /// `partCost` rows.
  private func slices<Part>(
    _ parts: [Part], _ limit: Int, _ slice: (Part, _ room: Int) -> ValueOrder.Rows?
  ) -> [ValueOrder.Rows]? {
    let partCost = 32
    guard parts.count == 1 || parts.count * partCost <= limit else { return nil }
    var slices: [ValueOrder.Rows] = []
    var room = limit
    for part in parts {
      guard let own = slice(part, room) else { return nil }
      room -= own.count
      slices.append(own)
    }
    return slices
  }

  /// The rows whose number is in a range; nil when they are more than `room`.
  private func slice<Number: Comparable>(
    of range: ClosedRange<Number>, _ room: Int, _ number: (Int) -> Number
  ) -> ValueOrder.Rows? {
    let first = firstPlace(in: 0..<rows.count) { number($0) >= range.lowerBound }
    if rows.count - first > room, number(Int(rows[first + room])) <= range.upperBound { return nil }
    let end = firstPlace(in: first..<min(first + room, rows.count)) { number($0) > range.upperBound }
    return ValueOrder.Rows(rebasing: rows[first..<end])
  }

  /// The first place whose row is what all after it are too; the end when there is none.
  private func firstPlace(in places: Range<Int>, _ isPast: (_ row: Int) -> Bool) -> Int {
    var low = places.lowerBound
    var high = places.upperBound
    while low < high {
      let middle = (low + high) / 2
      if isPast(Int(rows[middle])) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The rows that have one of some neighbouring keywords; nil when they are more than `room`, or one of them has no list.
  private func lists(_ codes: ClosedRange<Int>, _ room: Int) -> ValueOrder.Rows? {
    guard codes.count <= room, starts[codes.upperBound + 1] - starts[codes.lowerBound] <= room,
      codes.allSatisfy({ starts[$0] < starts[$0 + 1] })
    else { return nil }
    return ValueOrder.Rows(rebasing: rows[Int(starts[codes.lowerBound])..<Int(starts[codes.upperBound + 1])])
  }
}
