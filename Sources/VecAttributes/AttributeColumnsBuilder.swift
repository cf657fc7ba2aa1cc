package import VecCore

/// Makes columns of rows that come one by one.
package struct AttributeColumnsBuilder {
  private var columns: [ColumnBuilder]
  package private(set) var rowCount = 0

  /// - Parameter definitions: the attributes of the collection, in their order.
  package init(_ definitions: [AttributeDefinition]) {
    columns = definitions.map { ColumnBuilder($0.type) }
  }

  /// Adds a row. The payload is none of a column's affair. The record must have passed `check` for the definitions.
  ///
  /// - Throws: `limit-exceeded` beyond 2^32 - 1 rows, or keywords of one attribute. Nothing was added then.
  package mutating func append(_ record: AttributeRecord) throws(VecError) {
    guard rowCount < Limits.segmentRowsMax else {
      throw VecError(.limitExceeded, "attributes of more than \(Limits.segmentRowsMax) rows do not fit in one segment")
    }
    for entry in record.entries {
      if case .keywords(let keywords) = entry.value { try columns[entry.position].demandRoom(for: keywords.count) }
    }
    for entry in record.entries { columns[entry.position].append(entry.value, row: rowCount) }
    rowCount += 1
  }

  package func finish() -> AttributeColumns {
    AttributeColumns(rowCount: rowCount, columns: columns.map { $0.finish(rowCount: rowCount) })
  }
}

extension AttributeColumns {
  /// Of records that all passed `check` for the same definitions, whatever these are.
  ///
  /// - Throws: as `AttributeColumnsBuilder.append`.
  package init(records: some Collection<AttributeRecord>) throws(VecError) {
    var types: [Int: AttributeType] = [:]
    for record in records {
      for entry in record.entries { types[entry.position] = entry.value.type }
    }
    // A position without any value gets no column, so its type does not matter.
    let definitions = (0..<((types.keys.max() ?? -1) + 1)).map { position in
      AttributeDefinition(name: "_", type: types[position] ?? .bool)
    }
    var builder = AttributeColumnsBuilder(definitions)
    for record in records { try builder.append(record) }
    self = builder.finish()
  }

  /// One row of one of several sets of columns.
  package struct Place: Sendable {
    package var source: Int
    package var row: Int

    package init(source: Int, row: Int) {
      self.source = source
      self.row = row
    }
  }

  /// Rows of several sets of columns in a new order, some left out: what a rewrite of segments needs. All are of one
  /// collection; a column that some of them lack is filled with rows without value. Dictionaries hold what is left.
  ///
  /// - Parameter places: where each row of the result comes from; `source` counts in `sources`.
  /// - Throws: `limit-exceeded` beyond 2^32 - 1 rows, or keywords of one attribute.
  package init(gathering places: some Collection<Place>, from sources: [AttributeColumns]) throws(VecError) {
    guard places.count <= Limits.segmentRowsMax else {
      throw VecError(.limitExceeded, "attributes of more than \(Limits.segmentRowsMax) rows do not fit in one segment")
    }
    var columns: [Column?] = []
    for position in 0..<(sources.map(\.columns.count).max() ?? 0) {
      columns.append(try ColumnBuilder.gather(places, sources.map { $0.column(position) }))
    }
    self.init(rowCount: places.count, columns: columns)
  }

  /// Rows of these columns in a new order, some left out.
  package func gathered(_ rows: some Collection<Int>) throws(VecError) -> AttributeColumns {
    try AttributeColumns(gathering: rows.map { Place(source: 0, row: $0) }, from: [self])
  }
}
