package import VecCore

/// The attributes of a run of rows, one contiguous column per attribute: immutable, ready to be scanned.
///
/// An attribute without a column has no value in any row: it was added later, or nobody has used it.
package struct AttributeColumns: Sendable, Equatable {
  package let rowCount: Int
  /// By position of the attribute; nil where there is no column, and past the end likewise.
  let columns: [Column?]

  struct Column: Sendable, Equatable {
    /// Which rows have a value; nil when all have.
    let presence: Bitmap?
    let values: Values
  }

  /// A value for every row; one where all bits are 0 where there is none, so equal rows make equal columns.
  enum Values: Sendable, Equatable {
    case ints(PackedNumbers)
    case floats([Double])
    case bools(Bitmap)
    case keyword(codes: PackedNumbers, KeywordDictionary)
    /// The codes of row r are `codes[starts[r]..<starts[r + 1]]`, ascending.
    case keywords(starts: [UInt32], codes: [UInt32], KeywordDictionary)

    var type: AttributeType {
      switch self {
      case .ints: .int
      case .floats: .float
      case .bools: .bool
      case .keyword: .keyword
      case .keywords: .keywords
      }
    }
  }

  /// Of rows without any value.
  package init(rowCount: Int) { self.init(rowCount: rowCount, columns: []) }

  init(rowCount: Int, columns: [Column?]) {
    self.rowCount = rowCount
    self.columns = columns
  }

  func column(_ position: Int) -> Column? { position < columns.count ? columns[position] : nil }

  /// The attributes of one row, as a record without payload.
  package func record(_ row: Int) -> AttributeRecord {
    precondition((0..<rowCount).contains(row), "row \(row) of \(rowCount)")
    return AttributeRecord(
      columns.enumerated().compactMap { position, column in column?.value(row).map { (position, $0) } })
  }

  /// The value that a row has for the attribute at a position.
  package func value(_ row: Int, at position: Int) -> AttributeValue? {
    precondition((0..<rowCount).contains(row), "row \(row) of \(rowCount)")
    return column(position)?.value(row)
  }

  /// Bytes of memory that the values take.
  package var byteCount: Int { columns.reduce(0) { $0 + ($1?.byteCount ?? 0) } }
}

extension AttributeColumns.Column {
  func isPresent(_ row: Int) -> Bool { presence.map { $0[row] } ?? true }

  func value(_ row: Int) -> AttributeValue? {
    guard isPresent(row) else { return nil }
    switch values {
    case .ints(let values): return .int(values[row])
    case .floats(let values): return .float(values[row])
    case .bools(let values): return .bool(values[row])
    case .keyword(let codes, let dictionary): return .keyword(dictionary[Int(codes[row])])
    case .keywords(let starts, let codes, let dictionary):
      return .keywords(codes[Int(starts[row])..<Int(starts[row + 1])].map { dictionary[Int($0)] })
    }
  }

  var byteCount: Int {
    let values =
      switch values {
      case .ints(let values): values.byteCount
      case .floats(let values): 8 * values.count
      case .bools(let values): 8 * values.words.count
      case .keyword(let codes, let dictionary): codes.byteCount + dictionary.byteCount
      case .keywords(let starts, let codes, let dictionary): 4 * (starts.count + codes.count) + dictionary.byteCount
      }
    return values + 8 * (presence?.words.count ?? 0)
  }
}

extension KeywordDictionary {
  var byteCount: Int { 8 * starts.count + bytes.count }
}
