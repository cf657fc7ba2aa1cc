import VecCore

/// Named sets of biases: putting some into one, and what it holds. Forgetting one is as of an exclude set.
extension BiasRequest {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> BiasRequest {
    let collection = try reader.readString()
    let set = try reader.readString()
    let count = try RequestLimits.biasIds(Int(try reader.read(UInt32.self)))
    return BiasRequest(
      collection: collection, set: set, ids: try reader.readArray(UInt64.self, count: count),
      values: try reader.readArray(Float.self, count: count))
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: collection)
    writer.write(string: set)
    writer.write(UInt32(clamping: ids.count))
    writer.write(array: ids)
    writer.write(array: values)
  }

  func check() throws(VecError) {
    try Names.checkCollection(collection)
    try Names.checkBiasSet(set)
    try RequestLimits.biasIds(ids.count)
    try checkValues()
  }
}

extension Biases {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> Biases {
    let count = try reader.readCount(leastBytes: 12, of: "biases")
    let ids = try reader.readArray(UInt64.self, count: count)
    guard zip(ids, ids.dropFirst()).allSatisfy({ $0 < $1 }) else { throw reader.failure("ids of biases do not ascend") }
    let values = try reader.readArray(Float.self, count: count)
    guard values.allSatisfy({ $0.magnitude <= Limits.biasMax && $0 != 0 }) else {
      throw reader.failure("a bias is 0, or beyond \(Limits.biasMax)")
    }
    return Biases(ids: ids, values: values)
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(UInt32(clamping: ids.count))
    writer.write(array: ids)
    writer.write(array: values)
  }
}
