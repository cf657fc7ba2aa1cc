import VecCore

/// Upserts and deletes; the vectors and ids are read and written as blocks of memory.
extension UpsertRequest {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> UpsertRequest {
    let collection = try reader.readString()
    let generation = try reader.readOptionalString()
    let token = try reader.readToken()
    let dimension = try RequestLimits.dimension(Int(try reader.read(UInt32.self)))
    let count = try RequestLimits.upsertRows(Int(try reader.read(UInt32.self)))
    try RequestLimits.upsertBytes(rows: count, dimension: dimension)
    var request = UpsertRequest(
      collection: collection, generation: generation, token: token, dimension: dimension,
      ids: try reader.readArray(UInt64.self, count: count),
      vectors: try reader.readArray(Float.self, count: count * dimension))
    try WireOptions.parse(&reader, of: "upsert") { (tag, _, reader) throws(VecError) in
      switch tag {
      case RecordOption.tag: request.records = try AttributeRecord.read(&reader, count: count)
      case modelTag: request.model = try reader.readString()
      default: return false
      }
      return true
    }
    return request
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(collection: collection, generation: generation)
    writer.write(token: token)
    writer.write(UInt32(clamping: dimension))
    writer.write(UInt32(clamping: ids.count))
    writer.write(array: ids)
    writer.write(array: vectors)
    RecordOption.write(records, to: &writer)
    if let model { WireOptions.write(Self.modelTag, to: &writer) { $0.write(string: model) } }
  }

  private static let modelTag: UInt16 = 2

  func check() throws(VecError) {
    try Request.checkNames(collection, generation)
    try token?.check()
    try RequestLimits.dimension(dimension)
    try RequestLimits.upsertRows(ids.count)
    try RequestLimits.upsertBytes(rows: ids.count, dimension: dimension)
    guard vectors.count == ids.count * dimension else {
      throw VecError(
        .invalidArgument,
        "upsert: \(ids.count) ids of dimension \(dimension) need \(ids.count * dimension) values, "
          + "\(vectors.count) are given")
    }
    guard records.isEmpty || records.count == ids.count else {
      throw VecError(.invalidArgument, "upsert: \(ids.count) ids with \(records.count) records, give one for each or none")
    }
    if let model { try Names.checkModel(model) }
    try RequestLimits.upsertRecords(byteCount: records.reduce(0) { $0 + $1.byteCount })
  }
}

extension DeleteRequest {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> DeleteRequest {
    let collection = try reader.readString()
    let generation = try reader.readOptionalString()
    let token = try reader.readToken()
    let count = try RequestLimits.deleteIds(Int(try reader.read(UInt32.self)))
    return DeleteRequest(
      collection: collection, generation: generation, token: token,
      ids: try reader.readArray(UInt64.self, count: count))
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(collection: collection, generation: generation)
    writer.write(token: token)
    writer.write(UInt32(clamping: ids.count))
    writer.write(array: ids)
  }

  func check() throws(VecError) {
    try Request.checkNames(collection, generation)
    try token?.check()
    try RequestLimits.deleteIds(ids.count)
  }
}

extension WriteReceipt {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> WriteReceipt {
    WriteReceipt(
      generation: try reader.readString(), sequence: try reader.read(), existing: try reader.read(),
      isRepeated: try reader.readBool())
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: generation)
    writer.write(sequence)
    writer.write(existing)
    writer.write(isRepeated)
  }
}

extension WriteToken {
  /// On the wire 16 zeros stand for no token, so no token may be that.
  fileprivate func check() throws(VecError) {
    guard high != 0 || low != 0 else {
      throw VecError(.invalidArgument, "the token is 16 zeros, which stand for none; use 16 random bytes")
    }
  }
}

extension ByteReader {
  fileprivate mutating func readToken() throws(VecError) -> WriteToken? {
    let token = WriteToken(high: try read(), low: try read())
    return token.high == 0 && token.low == 0 ? nil : token
  }
}

extension ByteWriter {
  fileprivate mutating func write(token: WriteToken?) {
    write(token?.high ?? 0)
    write(token?.low ?? 0)
  }
}
