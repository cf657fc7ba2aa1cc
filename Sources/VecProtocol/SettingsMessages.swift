import VecCore

/// Settings of collections, model versions, and the requests that take them as options.
extension SettingsChange {
  private enum Tag: UInt16 {
    case modelPolicy = 1
    case capturedQueries = 2
    case gaugeShare = 3
  }

  /// Reads to the end of the body.
  ///
  /// - Parameter others: takes an option that is no setting by its tag, the bytes it has and the reader; false for one that it
  ///   does not know.
  static func parse(
    _ reader: inout ByteReader, of message: String,
    others: (UInt16, Int, inout ByteReader) throws(VecError) -> Bool = { (_, _, _) in false }
  ) throws(VecError) -> SettingsChange {
    var change = SettingsChange()
    try WireOptions.parse(&reader, of: message) { (number, length, reader) throws(VecError) in
      switch Tag(rawValue: number) {
      case .modelPolicy: change.modelPolicy = try reader.readModelPolicy()
      case .capturedQueries: change.capturedQueries = Int(try reader.read(UInt32.self))
      case .gaugeShare: change.gaugeShare = try reader.readFloat()
      case nil: return try others(number, length, &reader)
      }
      return true
    }
    return change
  }

  func encode(into writer: inout ByteWriter) {
    if let modelPolicy { WireOptions.write(Tag.modelPolicy.rawValue, to: &writer) { $0.write(modelPolicy.rawValue) } }
    if let capturedQueries {
      WireOptions.write(Tag.capturedQueries.rawValue, to: &writer) { $0.write(UInt32(clamping: capturedQueries)) }
    }
    if let gaugeShare { WireOptions.write(Tag.gaugeShare.rawValue, to: &writer) { $0.write(gaugeShare) } }
  }
}

extension ConfigureRequest {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> ConfigureRequest {
    ConfigureRequest(
      collection: try reader.readString(), change: try SettingsChange.parse(&reader, of: "configure"))
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: collection)
    change.encode(into: &writer)
  }
}

extension IngestBeginRequest {
  private static let modelTag: UInt16 = 1

  static func parse(_ reader: inout ByteReader) throws(VecError) -> IngestBeginRequest {
    var request = IngestBeginRequest(
      collection: try reader.readString(), generation: try reader.readOptionalString())
    try WireOptions.parse(&reader, of: "ingest begin") { (tag, _, reader) throws(VecError) in
      guard tag == modelTag else { return false }
      request.model = try reader.readString()
      return true
    }
    return request
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(collection: collection, generation: generation)
    if let model { WireOptions.write(Self.modelTag, to: &writer) { $0.write(string: model) } }
  }
}

extension GenerationsRequest {
  private static let modelsTag: UInt16 = 1

  static func parse(_ reader: inout ByteReader) throws(VecError) -> GenerationsRequest {
    var request = GenerationsRequest(collection: try reader.readString())
    try WireOptions.parse(&reader, of: "generations") { (tag, _, _) throws(VecError) in
      guard tag == modelsTag else { return false }
      request.withModels = true
      return true
    }
    return request
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: collection)
    if withModels { WireOptions.write(Self.modelsTag, to: &writer) { _ in } }
  }
}
