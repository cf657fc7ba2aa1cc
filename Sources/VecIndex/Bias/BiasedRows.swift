import VecCore
import VecKernels

/// The rows of a segment that have a bias, with what a scan of them needs. Never changed.
package final class BiasedRows: Sendable {
  /// Ascending.
  package let rows: [UInt32]
  /// One per row: finite.
  package let values: [Float]
  /// Of each row its factors with the bias as offset; nil without codes.
  let factors: [CodeFactors]?

  /// - Parameters:
  ///   - rows: ascending, without repetition.
  ///   - values: as many, finite.
  ///   - codes: of the segment.
  package init(rows: [UInt32], values: [Float], codes: CodePlane?) {
    self.rows = rows
    self.values = values
    factors = codes.map { codes in
      zip(rows, values).map { row, value in
        var factors = codes.factors[Int(row)]
        factors.offset = value
        return factors
      }
    }
  }

  private init(rows: [UInt32], values: [Float], factors: [CodeFactors]?) {
    self.rows = rows
    self.values = values
    self.factors = factors
  }

  /// The same with other biases for some rows; 0 takes it away.
  /// - Parameters:
  ///   - changes: in the order of their rows, each once.
  ///   - codes: of the segment; those without are so for all rows.
  package func replacing(_ changes: [(row: UInt32, value: Float)], codes: CodePlane?) -> BiasedRows {
    let codes = isCoded ? codes : nil
    var (rows, values, factors): ([UInt32], [Float], [CodeFactors]) = ([], [], [])
    rows.reserveCapacity(self.rows.count + changes.count)
    values.reserveCapacity(self.rows.count + changes.count)
    if codes != nil { factors.reserveCapacity(self.rows.count + changes.count) }
    var old = 0
    func keep(before row: UInt32?) {
      let first = old
      while old < self.rows.count, row.map({ self.rows[old] < $0 }) ?? true { old += 1 }
      rows += self.rows[first..<old]
      values += self.values[first..<old]
      if codes != nil, let known = self.factors { factors += known[first..<old] }
    }
    for change in changes {
      keep(before: change.row)
      if old < self.rows.count, self.rows[old] == change.row { old += 1 }
      guard change.value != 0 else { continue }
      rows.append(change.row)
      values.append(change.value)
      if var own = codes?.factors[Int(change.row)] {
        own.offset = change.value
        factors.append(own)
      }
    }
    keep(before: nil)
    return BiasedRows(rows: rows, values: values, factors: codes == nil ? nil : factors)
  }

  package var isCoded: Bool { factors != nil }

  package func contains(_ row: UInt32) -> Bool { place(of: row) != nil }

  /// 0 for a row without a bias.
  func value(of row: UInt32) -> Float { place(of: row).map { values[$0] } ?? 0 }

  private func place(of row: UInt32) -> Int? {
    var (low, high) = (0, rows.count)
    while low < high {
      let middle = (low + high) / 2
      if rows[middle] < row { low = middle + 1 } else { high = middle }
    }
    return low < rows.count && rows[low] == row ? low : nil
  }
}

/// A segment as a search of biased rows sees it.
package struct BiasedPart {
  package let plane: VectorPlane
  package let rows: BiasedRows

  package init(plane: VectorPlane, rows: BiasedRows) {
    self.plane = plane
    self.rows = rows
  }
}
