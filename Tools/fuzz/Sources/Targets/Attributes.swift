import VecAttributes
import VecCore

// What clients and segments say of attributes.
extension FuzzTarget {
  /// The attributes that inputs are about: one of each type, and one that old segments lack.
  private static let attributes = [
    AttributeDefinition(name: "n", type: .int), AttributeDefinition(name: "x", type: .float),
    AttributeDefinition(name: "live", type: .bool), AttributeDefinition(name: "brand", type: .keyword),
    AttributeDefinition(name: "tags", type: .keywords), AttributeDefinition(name: "late", type: .int),
  ]

  private static let texts = [
    "n = 1", "x < 2.5 and not live = true", #"brand in ("a", "b") or missing(tags)"#, #"tags has any ("a", "é")"#,
    #"tags has all ('x') and (n not in (1, 2) or brand >= "m\u{1F600}\n")"#, "late != -9223372036854775808",
  ]

  private static func columns() throws -> [AttributeColumns] {
    try [1, 70].map { count in
      var builder = AttributeColumnsBuilder(attributes)
      for row in 0..<count {
        var record = AttributeRecord([(0, .int(Int64(row) << 20)), (1, .float(Double(row) / 10))])
        if row % 3 != 0 { record[2] = .bool(row % 2 == 0) }
        if row % 5 != 0 { record[3] = .keyword(Keyword("brand\(row % 4)")) }
        if row % 2 == 0 { record[4] = .set((0..<(row % 4)).map { Keyword("tag\($0)") }) }
        try builder.append(record)
      }
      return builder.finish()
    }
  }

  /// The wire form of a filter: what is accepted is written again as the same bytes, is the filter of its own text, and is
  /// true for the same rows by columns and by records.
  static let filter = FuzzTarget(name: "filter", lengthMax: 512) { _ in
    try texts.map { try Filter(parsing: $0).encode() }
  } run: { input in
    let decoded = accepted([.malformedFrame, .limitExceeded, .notAvailable]) { () throws(VecError) in
      try Filter(decoding: input)
    }
    guard let decoded else { return }
    demand(accepted([]) { () throws(VecError) in try decoded.encode() }?.elementsEqual(input) == true, "other bytes")
    let again = accepted([]) { () throws(VecError) in try Filter(parsing: decoded.description) }
    demand(again.flatMap { try? $0.encode() }?.elementsEqual(input) == true, "a text of another filter: \(decoded)")
    ask(decoded)
  }

  /// A filter as text: what is refused has a column within it, what is accepted can be sent.
  static let filterText = FuzzTarget(name: "filter-text", lengthMax: 256) { _ in texts.map { Array($0.utf8) } } run: { input in
    let text = String(decoding: input, as: UTF8.self)
    let fault = Filter.fault(in: text)
    let parsed = accepted([.invalidArgument, .limitExceeded]) { () throws(VecError) in try Filter(parsing: text) }
    demand((fault == nil) == (parsed != nil), "a fault and a filter")
    if let fault {
      demand((1...text.unicodeScalars.count + 1).contains(fault.column), "column \(fault.column) of \(text)")
      demand(fault.caret(in: text).split(separator: "\n", omittingEmptySubsequences: false).count == 2, "a caret of other lines")
    }
    guard let parsed else { return }
    let bytes = accepted([]) { () throws(VecError) in try parsed.encode() }
    demand(bytes.flatMap { try? Filter(decoding: $0) } == parsed, "a filter that changes on its way")
  }

  /// An attributes section: what is accepted is written again as the same bytes, and a filter is true for the same rows by
  /// columns, by records, and after a rewrite.
  static let attributeColumns = FuzzTarget(name: "attributes", lengthMax: 2_048) { golden in
    [try golden.read("attributes/v1/columns.bin")] + (try columns().map { $0.encode() })
  } run: { input in
    let rowCount = Int(field(input, 8, 4))
    guard rowCount <= 4_096 else { return }
    let decoded = accepted([.segmentDamaged, .unsupportedFormat]) { () throws(VecError) in
      try AttributeColumns(decoding: input, rowCount: rowCount, definitions: attributes)
    }
    guard let columns = decoded else { return }
    demand(columns.encode().elementsEqual(input), "columns that are not written as they were read")
    let backwards = accepted([]) { () throws(VecError) in try columns.gathered((0..<rowCount).reversed()) }
    for text in texts {
      guard let filter = try? CompiledFilter(Filter(parsing: text), for: attributes), let backwards else {
        demand(false, "\(text) does not fit")
        return
      }
      let found = filter.rows(of: columns).bitmap
      let rewritten = filter.rows(of: backwards).bitmap
      for row in 0..<rowCount {
        demand(found[row] == filter.matches(columns.record(row)), "row \(row) and its record differ on \(text)")
        demand(found[row] == rewritten[rowCount - 1 - row], "row \(row) is another after a rewrite on \(text)")
      }
    }
  }

  /// An order of values, of the sample whose number of rows it says: what is accepted is written again as the same bytes or is of
  /// fewer columns, and a filter is true for the same rows with and without it.
  static let valueOrder = FuzzTarget(name: "value-order", lengthMax: 2_048) { _ in
    try columns().map { ValueOrderWriter($0, rowsMin: 1).encode() }
  } run: { input in
    let rowCount = Int(field(input, 8, 4))
    guard let samples = try? columns(), let columns = samples.first(where: { $0.rowCount == rowCount }) else { return }
    // A copy, because a section begins at a multiple of 4 bytes.
    let bytes = [UInt8](input)
    _ = accepted([.segmentDamaged, .unsupportedFormat]) { () throws(VecError) in
      try bytes.withBytes { (section) throws(VecError) in ask(try ValueOrder(decoding: section, of: columns), columns, section) }
    }
  }

  private static func ask(_ order: ValueOrder, _ columns: AttributeColumns, _ section: UnsafeRawBufferPointer) {
    let whole = ValueOrderWriter(columns, rowsMin: 1).encode()
    demand(section.count < whole.count || section.elementsEqual(whole), "another order of the same rows")
    for text in texts + ["n = 1048576", "tags has 'tag1'", "brand = 'brand3' and x > 1"] {
      guard let filter = try? CompiledFilter(Filter(parsing: text), for: attributes) else {
        demand(false, "\(text) does not fit")
        return
      }
      demand(filter.rows(of: columns, order) == filter.rows(of: columns), "other rows by the order on \(text)")
    }
  }

  /// Compiles a filter for attributes of the sample's names and runs it.
  private static func ask(_ filter: Filter) {
    let compiled = accepted([.invalidArgument]) { () throws(VecError) in try CompiledFilter(filter, for: attributes) }
    guard let compiled, let samples = try? columns() else { return }
    for columns in samples {
      let (bitmap, count) = compiled.rows(of: columns)
      demand(count == bitmap.count, "a wrong count")
      for row in 0..<columns.rowCount { demand(bitmap[row] == compiled.matches(columns.record(row)), "row \(row)") }
    }
  }
}
