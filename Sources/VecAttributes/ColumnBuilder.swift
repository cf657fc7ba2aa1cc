import VecCore

/// One column that grows. Rows without value are filled in when the next value or the end comes.
struct ColumnBuilder {
  private let type: AttributeType
  private var presence: [UInt64] = []
  private var presentCount = 0
  /// Of int columns; of float columns their bits; of bool columns 0 and 1.
  private var numbers: [Int64] = []
  /// Of keyword and keywords columns, provisional until the end.
  private var codes: [UInt32] = []
  /// Of keywords columns: where each row ends in `codes`.
  private var ends: [UInt32] = []
  private var collector = KeywordCollector()

  init(_ type: AttributeType) { self.type = type }

  /// Adds the value of a row that comes after all that were added. It must be of the column's type.
  mutating func append(_ value: AttributeValue, row: Int) {
    switch value {
    case .int(let value): append(number: value, row: row)
    case .float(let value): append(number: Int64(bitPattern: value.bitPattern), row: row)
    case .bool(let value): append(number: value ? 1 : 0, row: row)
    case .keyword(let keyword): append(code: collector.code(of: keyword), row: row)
    case .keywords(let keywords):
      begin(row)
      for keyword in keywords { codes.append(collector.code(of: keyword)) }
      ends.append(UInt32(codes.count))
    }
  }

  func demandRoom(for count: Int) throws(VecError) {
    guard codes.count + count <= Int(UInt32.max) else {
      throw VecError(.limitExceeded, "more than \(UInt32.max) keywords of one attribute do not fit in one segment")
    }
  }

  func finish(rowCount: Int) -> AttributeColumns.Column? {
    guard presentCount > 0 else { return nil }
    var all = self
    all.pad(to: rowCount)
    let words = all.presence + [UInt64](repeating: 0, count: Bitmap.wordCount(rowCount) - all.presence.count)
    let presence = presentCount == rowCount ? nil : Bitmap(words: words, rowCount: rowCount)
    return AttributeColumns.Column(presence: presence, values: all.values(rowCount, presence))
  }

  private func values(_ rowCount: Int, _ presence: Bitmap?) -> AttributeColumns.Values {
    switch type {
    case .int: return .ints(PackedNumbers(numbers, presence: presence))
    case .float: return .floats(numbers.map { Double(bitPattern: UInt64(bitPattern: $0)) })
    case .bool:
      var bits = Bitmap(rowCount: rowCount)
      for (row, number) in numbers.enumerated() where number != 0 { bits[row] = true }
      return .bools(bits)
    case .keyword:
      let (dictionary, final) = collector.finish()
      var codes = codes.map { final[Int($0)] }
      if let presence {
        // What was filled in has the provisional code 0, which may have become another.
        for row in codes.indices where !presence[row] { codes[row] = 0 }
      }
      return .keyword(codes: PackedNumbers(codes: codes), dictionary)
    case .keywords:
      let (dictionary, final) = collector.finish()
      var codes = codes.map { final[Int($0)] }
      var start = 0
      for end in ends {
        codes[start..<Int(end)].sort()
        start = Int(end)
      }
      return .keywords(starts: [0] + ends, codes: codes, dictionary)
    }
  }

  private mutating func append(number: Int64, row: Int) {
    begin(row)
    numbers.append(number)
  }

  private mutating func append(code: UInt32, row: Int) {
    begin(row)
    codes.append(code)
  }

  /// Makes `row` the next row, one with a value.
  private mutating func begin(_ row: Int) {
    pad(to: row)
    while presence.count <= row >> 6 { presence.append(0) }
    presence[row >> 6] |= 1 << UInt64(row & 63)
    presentCount += 1
  }

  private mutating func pad(to rowCount: Int) {
    switch type {
    case .int, .float, .bool: while numbers.count < rowCount { numbers.append(0) }
    case .keyword: while codes.count < rowCount { codes.append(0) }
    case .keywords: while ends.count < rowCount { ends.append(UInt32(codes.count)) }
    }
  }
}

extension ColumnBuilder {
  /// The column of rows taken from columns of the same attribute; nil when none of them has a value.
  static func gather(
    _ places: some Collection<AttributeColumns.Place>, _ sources: [AttributeColumns.Column?]
  ) throws(VecError) -> AttributeColumns.Column? {
    guard let type = sources.lazy.compactMap({ $0?.values.type }).first else { return nil }
    var builder = ColumnBuilder(type)
    // Per source the provisional code of each of its codes, found when the first row has it.
    var known = sources.map { [UInt32](repeating: .max, count: $0?.dictionary?.count ?? 0) }
    var row = 0
    for place in places {
      defer { row += 1 }
      guard let source = sources[place.source], source.isPresent(place.row) else { continue }
      switch source.values {
      case .ints(let values): builder.append(number: values[place.row], row: row)
      case .floats(let values): builder.append(number: Int64(bitPattern: values[place.row].bitPattern), row: row)
      case .bools(let values): builder.append(number: values[place.row] ? 1 : 0, row: row)
      case .keyword(let codes, let dictionary):
        let code = builder.adopt(UInt32(codes[place.row]), of: dictionary, &known[place.source])
        builder.append(code: code, row: row)
      case .keywords(let starts, let codes, let dictionary):
        let run = Int(starts[place.row])..<Int(starts[place.row + 1])
        try builder.demandRoom(for: run.count)
        builder.begin(row)
        for at in run { builder.codes.append(builder.adopt(codes[at], of: dictionary, &known[place.source])) }
        builder.ends.append(UInt32(builder.codes.count))
      }
    }
    return builder.finish(rowCount: row)
  }

  private mutating func adopt(_ code: UInt32, of dictionary: KeywordDictionary, _ known: inout [UInt32]) -> UInt32 {
    if known[Int(code)] == .max { known[Int(code)] = collector.code(of: dictionary[Int(code)]) }
    return known[Int(code)]
  }
}

extension AttributeColumns.Column {
  var dictionary: KeywordDictionary? {
    switch values {
    case .ints, .floats, .bools: nil
    case .keyword(_, let dictionary), .keywords(_, _, let dictionary): dictionary
    }
  }
}
