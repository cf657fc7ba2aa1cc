package import VecCore

/// The rows of a segment by their values, attribute by attribute, as they lie in its mapped section: a filter that few rows
/// pass finds them here instead of looking at all. Formats/attributes.md has the section.
///
/// Unchecked sendable: the bytes are never changed. They must outlive it. Of a page that the disk did not deliver zeros come,
/// which are rows of the segment too.
package struct ValueOrder: @unchecked Sendable {
  typealias Rows = UnsafeBufferPointer<UInt32>

  static let head = SectionHead(what: "value order", magic: 0x5244_524F, version: 1)  // "ORDR"
  static let entryBytes = 16
  /// Rows from which on a segment has the section: fewer are scanned in no time.
  package static let rowsMin = 4_096
  /// A keyword that more than one in so many rows has gets no list: a scan finds them as fast.
  static let listShare = 16

  struct Column {
    /// Of keywords: where the list of each code begins in `rows`, and the end of the last. Empty for numbers.
    let starts: Rows
    let rows: Rows

    func list(_ code: Int) -> Rows { Rows(rebasing: rows[Int(starts[code])..<Int(starts[code + 1])]) }
  }

  /// By position of the attribute; nil, as past the end, where there is no order.
  let columns: [Column?]

  /// Reads a section that nobody vouches for, and holds every row of it against the columns.
  ///
  /// - Parameters:
  ///   - section: begins at a multiple of 4 bytes.
  ///   - columns: of the same segment.
  /// - Throws: `segment-damaged` saying what breaks the format, `unsupported-format` for another version.
  package init(decoding section: UnsafeRawBufferPointer, of columns: AttributeColumns) throws(VecError) {
    var reader = ByteReader(section, code: .segmentDamaged, context: "section value order")
    guard section.count % 4 == 0 else { throw reader.failure("its length is no multiple of 4") }
    let entries = try Self.readDirectory(&reader, columns)
    var orders: [Column?] = []
    for entry in entries {
      while orders.count < entry.position { orders.append(nil) }
      let starts = try Self.readNumbers(&reader, entry.startCount)
      let order = Column(starts: starts, rows: try Self.readNumbers(&reader, entry.rowCount))
      if let column = columns.column(entry.position) {
        try ValueOrderCheck(order, column, rowCount: columns.rowCount, position: entry.position).run()
      }
      orders.append(order)
    }
    try reader.finish()
    self.columns = orders
  }

  func column(_ position: Int) -> Column? { position < columns.count ? columns[position] : nil }

  private struct Entry {
    let position: Int
    let startCount: Int
    let rowCount: Int
  }

  private static func readDirectory(
    _ reader: inout ByteReader, _ columns: AttributeColumns
  ) throws(VecError) -> [Entry] {
    let count = Int(try head.read(&reader, rowCount: columns.rowCount))
    guard count > 0 else { throw reader.failure("it has no column") }
    var entries: [Entry] = []
    var least: UInt32 = 0
    for _ in 0..<count {
      let position = try reader.read(UInt32.self)
      guard position >= least, let column = columns.column(Int(position)), column.values.isWorthAnOrder else {
        throw reader.failure("an order is of attribute \(position), must be of one that has different values, from \(least) on")
      }
      least = position + 1
      let startCount = Int(try reader.read(UInt32.self))
      guard startCount == column.values.startCount else {
        throw reader.failure("attribute \(position) has \(startCount) starts, must have \(column.values.startCount)")
      }
      let rowCount = Int(try reader.read(UInt32.self))
      guard rowCount > 0 else { throw reader.failure("the order of attribute \(position) has no row") }
      guard try reader.read(UInt32.self) == 0 else { throw reader.failure("reserved bytes of an entry are not zero") }
      entries.append(Entry(position: Int(position), startCount: startCount, rowCount: rowCount))
    }
    return entries
  }

  private static func readNumbers(_ reader: inout ByteReader, _ count: Int) throws(VecError) -> Rows {
    try reader.readBytes(4 * count).assumingMemoryBound(to: UInt32.self)
  }
}

extension AttributeColumns.Values {
  /// Bools are half of all rows and more; where all numbers are the same, an order says nothing.
  var isWorthAnOrder: Bool {
    switch self {
    case .bools: false
    case .ints(let values): values.width > 0
    case .floats, .keyword, .keywords: true
    }
  }

  /// Starts of lists that an order of this column has: one per keyword and one for the end; none for numbers.
  var startCount: Int {
    switch self {
    case .ints, .floats, .bools: 0
    case .keyword(_, let dictionary), .keywords(_, _, let dictionary): dictionary.count + 1
    }
  }

  /// What rows are put in order by, for int and float: ascending with the value, -0 below +0.
  func sortKey(_ row: Int) -> UInt64 {
    switch self {
    case .ints(let values): return values.offsets[row]
    case .floats(let values):
      let bits = values[row].bitPattern
      return bits >> 63 == 1 ? ~bits : bits | 1 << 63
    case .bools, .keyword, .keywords: return 0
    }
  }

  /// Calls with each keyword code of each row that has one, ascending in the row, then the code.
  func eachCode(_ presence: Bitmap?, _ body: (_ row: Int, _ code: Int) -> Void) {
    switch self {
    case .ints, .floats, .bools: break
    case .keyword(let codes, _):
      for row in 0..<codes.count where presence?[row] ?? true { body(row, Int(codes.offsets[row])) }
    case .keywords(let starts, let codes, _):
      for row in 0..<(starts.count - 1) {
        for at in Int(starts[row])..<Int(starts[row + 1]) { body(row, Int(codes[at])) }
      }
    }
  }
}
