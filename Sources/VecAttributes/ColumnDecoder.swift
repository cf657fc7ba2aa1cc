import VecCore

/// Reads the content of one column. Every array is at most a small multiple of bytes that are there: a row costs a column
/// nothing only where all its numbers are 0, and the segment has that row.
struct ColumnDecoder {
  private var reader: ByteReader
  private let rowCount: Int
  private let width: Int

  init(_ bytes: UnsafeRawBufferPointer, name: String, rowCount: Int, width: Int) {
    reader = ByteReader(bytes, code: .segmentDamaged, context: "section attributes, column \(Names.quoted(name))")
    self.rowCount = rowCount
    self.width = width
  }

  mutating func decode(_ type: AttributeType, hasPresence: Bool) throws(VecError) -> AttributeColumns.Column {
    let presence = hasPresence ? try readPresence() : nil
    let values: AttributeColumns.Values
    switch type {
    case .int: values = .ints(try readInts(presence))
    case .float: values = .floats(try readFloats(presence))
    case .bool: values = .bools(try readBools(presence))
    case .keyword: values = try readKeyword(presence)
    case .keywords: values = try readKeywords(presence)
    }
    try reader.finish()
    if presence == nil, rowCount == 0 { throw reader.failure("no row has a value, so there must be no column") }
    return AttributeColumns.Column(presence: presence, values: values)
  }

  private mutating func readBitmap() throws(VecError) -> Bitmap {
    let words = try reader.readArray(UInt64.self, count: Bitmap.wordCount(rowCount))
    if let last = words.last, last & ~Bitmap.rowBits(words.count - 1, rowCount: rowCount) != 0 {
      throw reader.failure("a bitmap has bits past its \(rowCount) rows")
    }
    return Bitmap(words: words, rowCount: rowCount)
  }

  private mutating func readPresence() throws(VecError) -> Bitmap {
    let presence = try readBitmap()
    let count = presence.count
    // Not a range, which no rows would make one that ends before it begins.
    guard count >= 1, count < rowCount else {
      throw reader.failure("\(count) of \(rowCount) rows have a value, which takes no bitmap")
    }
    return presence
  }

  /// Numbers of the width, which must be the least that holds them.
  private mutating func readNumbers(_ count: Int) throws(VecError) -> PackedNumbers.Offsets {
    switch width {
    case 0: return .zeros(count: count)
    case 1: return .bytes(try reader.readArray(UInt8.self, count: count))
    case 2: return .shorts(try reader.readArray(UInt16.self, count: count))
    case 4: return .words(try reader.readArray(UInt32.self, count: count))
    case 8: return .longs(try reader.readArray(UInt64.self, count: count))
    default: throw reader.failure("the width is \(width), must be 0, 1, 2, 4 or 8")
    }
  }

  private mutating func readInts(_ presence: Bitmap?) throws(VecError) -> PackedNumbers {
    let base: Int64 = try reader.read()
    let offsets = try readNumbers(rowCount)
    var (greatest, hasBase): (UInt64, Bool) = (0, false)
    for row in 0..<rowCount {
      let offset = offsets[row]
      greatest = max(greatest, offset)
      if presence.map({ $0[row] }) ?? true { hasBase = hasBase || offset == 0 } else if offset != 0 { throw valueOfNone(row) }
    }
    guard PackedNumbers.Offsets.width(of: greatest) == width else {
      throw reader.failure("the greatest number is \(greatest), the width \(width)")
    }
    guard greatest <= UInt64(bitPattern: .max &- base) else {
      throw reader.failure("\(base) and \(greatest) make more than 64 bits")
    }
    guard hasBase || rowCount == 0 else { throw reader.failure("no value is the base") }
    return PackedNumbers(base: base, offsets: offsets)
  }

  private mutating func readFloats(_ presence: Bitmap?) throws(VecError) -> [Double] {
    let values: [Double]
    switch width {
    case 4: values = try reader.readArray(UInt32.self, count: rowCount).map { Double(Float(bitPattern: $0)) }
    case 8: values = try reader.readArray(UInt64.self, count: rowCount).map { Double(bitPattern: $0) }
    default: throw reader.failure("the width is \(width), must be 4 or 8")
    }
    if let row = values.firstIndex(where: { !$0.isFinite }) {
      throw reader.failure("the value of row \(row) is \(values[row]), must be finite")
    }
    if let presence, let row = values.indices.first(where: { !presence[$0] && values[$0].bitPattern != 0 }) {
      throw valueOfNone(row)
    }
    guard width == 4 || values.contains(where: { Double(Float($0)).bitPattern != $0.bitPattern }) else {
      throw reader.failure("all values are binary32, the width is 8")
    }
    return values
  }

  private mutating func readBools(_ presence: Bitmap?) throws(VecError) -> Bitmap {
    try demandWidth(0)
    let bits = try readBitmap()
    if let presence, let word = bits.words.indices.first(where: { bits.words[$0] & ~presence.words[$0] != 0 }) {
      throw valueOfNone(word << 6 + (bits.words[word] & ~presence.words[word]).trailingZeroBitCount)
    }
    return bits
  }

  private mutating func readKeyword(_ presence: Bitmap?) throws(VecError) -> AttributeColumns.Values {
    let dictionary = try readDictionary()
    guard dictionary.count >= 1 else { throw reader.failure("there is no keyword") }
    let codes = try readNumbers(rowCount)
    var used = Bitmap(rowCount: dictionary.count)
    for row in 0..<rowCount {
      let code = codes[row]
      guard code < UInt64(dictionary.count) else { throw unknown(code, row, dictionary) }
      if presence.map({ $0[row] }) ?? true { used[Int(code)] = true } else if code != 0 { throw valueOfNone(row) }
    }
    try demandAll(used)
    return .keyword(codes: PackedNumbers(base: 0, offsets: codes), dictionary)
  }

  private mutating func readKeywords(_ presence: Bitmap?) throws(VecError) -> AttributeColumns.Values {
    let dictionary = try readDictionary()
    let counts = try reader.readArray(UInt8.self, count: rowCount)
    var starts: [UInt32] = []
    starts.reserveCapacity(rowCount + 1)
    starts.append(0)
    var total = 0
    for (row, count) in counts.enumerated() {
      guard count <= Limits.keywordsMax else {
        throw reader.failure("row \(row) has \(count) keywords, at most \(Limits.keywordsMax) may be")
      }
      if let presence, !presence[row], count != 0 { throw valueOfNone(row) }
      total += Int(count)
      guard total <= Int(UInt32.max) else { throw reader.failure("there are more than \(UInt32.max) keywords in all") }
      starts.append(UInt32(total))
    }
    let codes = try readNumbers(total).array
    var used = Bitmap(rowCount: dictionary.count)
    for row in 0..<rowCount {
      for at in Int(starts[row])..<Int(starts[row + 1]) {
        guard codes[at] < UInt64(dictionary.count) else { throw unknown(codes[at], row, dictionary) }
        guard at == Int(starts[row]) || codes[at - 1] < codes[at] else {
          throw reader.failure("the keywords of row \(row) do not ascend")
        }
        used[Int(codes[at])] = true
      }
    }
    try demandAll(used)
    return .keywords(starts: starts, codes: codes.map { UInt32($0) }, dictionary)
  }

  private mutating func readDictionary() throws(VecError) -> KeywordDictionary {
    let count = Int(try reader.read(UInt32.self))
    let lengths = try reader.readArray(UInt16.self, count: count)
    var starts = [0]
    starts.reserveCapacity(count + 1)
    for (place, length) in lengths.enumerated() {
      guard Int(length) <= Limits.keywordBytesMax else {
        throw reader.failure("keyword \(place) has \(length) bytes, at most \(Limits.keywordBytesMax) may be")
      }
      starts.append(starts[place] + Int(length))
    }
    let bytes = try reader.readArray(UInt8.self, count: starts[count])
    for place in 0..<count {
      let keyword = bytes[starts[place]..<starts[place + 1]]
      guard String(validating: keyword, as: UTF8.self) != nil else { throw reader.failure("keyword \(place) is no UTF-8") }
      guard place == 0 || bytes[starts[place - 1]..<starts[place]].lexicographicallyPrecedes(keyword) else {
        throw reader.failure("keyword \(place) does not stand above the one before it")
      }
    }
    try demandWidth(PackedNumbers.Offsets.width(ofCodes: count))
    return KeywordDictionary(starts: starts, bytes: bytes)
  }

  private func demandWidth(_ right: Int) throws(VecError) {
    guard width == right else { throw reader.failure("the width is \(width), must be \(right)") }
  }

  private func demandAll(_ used: Bitmap) throws(VecError) {
    guard used.count == used.rowCount else { throw reader.failure("\(used.rowCount - used.count) keywords are in no row") }
  }

  private func unknown(_ code: UInt64, _ row: Int, _ dictionary: KeywordDictionary) -> VecError {
    reader.failure("row \(row) has keyword \(code), there are \(dictionary.count)")
  }

  private func valueOfNone(_ row: Int) -> VecError { reader.failure("row \(row) has no value, but a number other than 0") }
}
