import VecCore

/// Holds an order against its column: that it has all rows that it must, none twice, and each where it belongs.
struct ValueOrderCheck {
  private let order: ValueOrder.Column
  private let column: AttributeColumns.Column
  private let rowCount: Int
  private let position: Int

  init(_ order: ValueOrder.Column, _ column: AttributeColumns.Column, rowCount: Int, position: Int) {
    self.order = order
    self.column = column
    self.rowCount = rowCount
    self.position = position
  }

  func run() throws(VecError) {
    if let row = order.rows.first(where: { $0 >= rowCount }) { throw failure("row \(row) of \(rowCount)") }
    switch column.values {
    case .bools: break
    case .ints, .floats: try checkNumbers()
    case .keyword, .keywords: try checkLists()
    }
  }

  /// So many rows as have a value, in strictly ascending places: then each is there once.
  private func checkNumbers() throws(VecError) {
    let present = column.presence?.count ?? rowCount
    guard order.rows.count == present else { throw failure("it has \(order.rows.count) rows, \(present) have a value") }
    var last: (key: UInt64, row: UInt32)?
    for row in order.rows {
      guard column.isPresent(Int(row)) else { throw failure("row \(row) has no value") }
      let place = (key: column.values.sortKey(Int(row)), row: row)
      if let last, last >= place { throw failure("row \(row) does not stand above row \(last.row)") }
      last = place
    }
  }

  /// Going through the column again, each list must have just the next row.
  private func checkLists() throws(VecError) {
    let lengths = ValueOrderLists(column, rowCount: rowCount)
    guard order.starts.elementsEqual(lengths.starts), order.rows.count == lengths.rowCount else {
      throw failure("its lists have other lengths than their keywords have rows")
    }
    var next = lengths.starts
    var wrong: Int?
    column.values.eachCode(column.presence) { row, code in
      guard lengths.hasList(code) else { return }
      if order.rows[Int(next[code])] != row { wrong = wrong ?? row }
      next[code] += 1
    }
    if let wrong { throw failure("row \(wrong) is missing where it belongs") }
  }

  private func failure(_ what: String) -> VecError {
    VecError(.segmentDamaged, "section value order, attribute \(position): \(what)")
  }
}

/// How long the lists of a column's keywords are, and where each begins.
struct ValueOrderLists {
  private(set) var starts: [UInt32] = [0]

  init(_ column: AttributeColumns.Column, rowCount: Int) {
    var counts = [UInt32](repeating: 0, count: column.values.startCount - 1)
    column.values.eachCode(column.presence) { _, code in counts[code] += 1 }
    starts.reserveCapacity(counts.count + 1)
    for (code, count) in counts.enumerated() {
      starts.append(starts[code] + (Int(count) * ValueOrder.listShare > rowCount ? 0 : count))
    }
  }

  var rowCount: Int { Int(starts[starts.count - 1]) }
  func hasList(_ code: Int) -> Bool { starts[code] < starts[code + 1] }
}
