package import VecCore

/// Writes the value order of a new segment; Formats/attributes.md says the same in words.
package struct ValueOrderWriter {
  private let rowCount: Int
  private var orders: [Order] = []

  private struct Order {
    let position: Int
    let column: AttributeColumns.Column
    /// Nil for numbers.
    let lists: ValueOrderLists?
    let rowCount: Int
  }

  /// - Parameter rowsMin: with fewer rows there is no order at all.
  package init(_ columns: AttributeColumns, rowsMin: Int = ValueOrder.rowsMin) {
    rowCount = columns.rowCount
    guard rowCount >= rowsMin else { return }
    for (position, column) in columns.columns.enumerated() {
      guard let column, column.values.isWorthAnOrder else { continue }
      let lists = column.values.startCount > 0 ? ValueOrderLists(column, rowCount: rowCount) : nil
      let count = lists?.rowCount ?? column.presence?.count ?? rowCount
      guard count > 0 else { continue }
      orders.append(Order(position: position, column: column, lists: lists, rowCount: count))
    }
  }

  /// Whether no column is worth an order, so that no section is needed.
  package var isEmpty: Bool { orders.isEmpty }

  /// Hands the section to `append`, piece by piece. Takes 28 bytes of memory a row, one column at a time.
  package func write(_ append: (UnsafeRawBufferPointer) throws(VecError) -> Void) throws(VecError) {
    var writer = ByteWriter()
    ValueOrder.head.write(UInt16(orders.count), rowCount: rowCount, to: &writer)
    for order in orders {
      writer.write(UInt32(order.position))
      writer.write(UInt32(order.column.values.startCount))
      writer.write(UInt32(order.rowCount))
      writer.write(UInt32(0))
    }
    try Self.hand(writer.bytes, append)
    for order in orders {
      if let lists = order.lists {
        try Self.hand(lists.starts, append)
        try Self.hand(Self.rows(of: order.column, lists), append)
      } else {
        try Self.hand(Self.rows(of: order.column, count: order.rowCount, rowCount), append)
      }
    }
  }

  /// The same in one.
  package func encode() -> [UInt8] {
    var bytes: [UInt8] = []
    try? write { (piece) throws(VecError) in bytes.append(contentsOf: piece) }
    return bytes
  }

  private static func hand<T: BitwiseCopyable>(
    _ values: [T], _ append: (UnsafeRawBufferPointer) throws(VecError) -> Void
  ) throws(VecError) {
    try values.withUnsafeBufferPointer { (values) throws(VecError) in try append(UnsafeRawBufferPointer(values)) }
  }

  /// The lists of keywords, one after the other: rows come ascending, so a list's next one goes to its end.
  private static func rows(of column: AttributeColumns.Column, _ lists: ValueOrderLists) -> [UInt32] {
    var next = lists.starts
    var rows = [UInt32](repeating: 0, count: lists.rowCount)
    column.values.eachCode(column.presence) { row, code in
      guard lists.hasList(code) else { return }
      rows[Int(next[code])] = UInt32(row)
      next[code] += 1
    }
    return rows
  }

  private static func rows(of column: AttributeColumns.Column, count: Int, _ rowCount: Int) -> [UInt32] {
    var places: [Place] = []
    places.reserveCapacity(count)
    for row in 0..<rowCount where column.isPresent(row) {
      places.append(Place(key: column.values.sortKey(row), row: UInt32(row)))
    }
    return sorted(places).map(\.row)
  }

  private struct Place {
    var key: UInt64
    var row: UInt32
  }

  /// By key, equal ones as they came: a radix sort from the lowest digit, which leaves out the digits that are alike in all keys.
  private static func sorted(_ places: [Place]) -> [Place] {
    let digitBits: UInt64 = 11
    let differing = places.reduce(0) { $0 | ($1.key ^ places[0].key) }
    var from = places
    var to = places
    for shift in stride(from: 0 as UInt64, to: 64, by: Int(digitBits)) where differing >> shift & (1 << digitBits - 1) != 0 {
      var next = [Int](repeating: 0, count: 1 << digitBits)
      for place in from { next[Int(place.key >> shift & (1 << digitBits - 1))] += 1 }
      var start = 0
      for digit in next.indices { (next[digit], start) = (start, start + next[digit]) }
      for place in from {
        let digit = Int(place.key >> shift & (1 << digitBits - 1))
        to[next[digit]] = place
        next[digit] += 1
      }
      swap(&from, &to)
    }
    return from
  }
}
