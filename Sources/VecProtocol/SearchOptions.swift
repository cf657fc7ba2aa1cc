import VecCore

/// The options of a search.
struct SearchOptions: Equatable {
  private enum Tag: UInt16 {
    case leastSequence = 1
    case excluded = 2
    case scoreLimit = 3
    case filter = 4
    case fields = 5
    case excludeSets = 6
    case model = 7
    case group = 8
    case quotas = 9
    case diversity = 10
    case weights = 11
    case logSumExp = 12
    case bias = 13

    /// Nil for those of no fixed length.
    var length: Int? {
      switch self {
      case .leastSequence: 8
      case .scoreLimit, .logSumExp: 4
      case .fields: 1
      case .diversity: 8
      case .excluded, .filter, .excludeSets, .model, .group, .quotas, .weights, .bias: nil
      }
    }
  }

  var leastSequence: UInt64?
  var excluded: [IDSet] = []
  var scoreLimit: Float?
  var filter: [UInt8] = []
  var fields: ItemFields = []
  var excludeSets: [String] = []
  var model: String?
  var selection = SearchSelection()
  var weights: [Float] = []
  var logSumExp: Float?
  var bias: String?

  /// Reads to the end of the body.
  static func parse(_ reader: inout ByteReader, queryCount: Int, interests: Int) throws(VecError) -> SearchOptions {
    var options = SearchOptions()
    try WireOptions.parse(&reader, of: "search") { (number, length, reader) throws(VecError) in
      guard let tag = Tag(rawValue: number) else { return false }
      if let wanted = tag.length, wanted != length {
        throw reader.failure("option \(number) has \(length) bytes, which is not its length")
      }
      switch tag {
      case .leastSequence: options.leastSequence = try reader.read()
      case .excluded: options.excluded = try ExcludedIDs.parse(&reader, queryCount: queryCount)
      case .scoreLimit: options.scoreLimit = try reader.readFloat()
      case .filter:
        guard length > 0 else { throw reader.failure("a filter has no bytes") }
        try RequestLimits.filterBytes(length)
        options.filter = try reader.readArray(UInt8.self, count: length)
      case .fields: options.fields = try reader.readFields()
      case .excludeSets: options.excludeSets = try ExcludeSetNames.parse(&reader, queryCount: queryCount)
      case .model: options.model = try reader.readString()
      case .group:
        options.selection.group = .init(attribute: try reader.readString(), most: Int(try reader.read(UInt32.self)))
      case .quotas:
        for _ in 0..<interests {
          options.selection.quotas.append(
            .init(least: Int(try reader.read(UInt32.self)), most: Int(try reader.read(UInt32.self))))
        }
      case .diversity:
        let (lambda, pool) = (try reader.readFloat(), Int(try reader.read(UInt32.self)))
        options.selection.diversity = .init(lambda: lambda, pool: pool == 0 ? nil : pool)
      case .weights: options.weights = try reader.readArray(Float.self, count: interests)
      case .logSumExp: options.logSumExp = try reader.readFloat()
      case .bias: options.bias = try reader.readString()
      }
      return true
    }
    return options
  }

  func encode(into writer: inout ByteWriter) {
    if let leastSequence { write(.leastSequence, to: &writer) { $0.write(leastSequence) } }
    if !excluded.isEmpty { write(.excluded, to: &writer) { $0.write(array: ExcludedIDs.encode(excluded)) } }
    if let scoreLimit { write(.scoreLimit, to: &writer) { $0.write(scoreLimit) } }
    if !filter.isEmpty { write(.filter, to: &writer) { $0.write(array: filter) } }
    if !fields.isEmpty { write(.fields, to: &writer) { $0.write(fields.rawValue) } }
    if !excludeSets.isEmpty { write(.excludeSets, to: &writer) { $0.write(array: ExcludeSetNames.encode(excludeSets)) } }
    if let model { write(.model, to: &writer) { $0.write(string: model) } }
    if let group = selection.group {
      write(.group, to: &writer) {
        $0.write(string: group.attribute)
        $0.write(UInt32(clamping: group.most))
      }
    }
    if !selection.quotas.isEmpty {
      write(.quotas, to: &writer) { writer in
        for quota in selection.quotas {
          writer.write(UInt32(clamping: quota.least))
          writer.write(UInt32(clamping: quota.most))
        }
      }
    }
    if let diversity = selection.diversity {
      write(.diversity, to: &writer) {
        $0.write(diversity.lambda)
        $0.write(UInt32(clamping: diversity.pool ?? 0))
      }
    }
    if !weights.isEmpty { write(.weights, to: &writer) { $0.write(array: weights) } }
    if let logSumExp { write(.logSumExp, to: &writer) { $0.write(logSumExp) } }
    if let bias { write(.bias, to: &writer) { $0.write(string: bias) } }
  }

  private func write(_ tag: Tag, to writer: inout ByteWriter, _ body: (inout ByteWriter) -> Void) {
    WireOptions.write(tag.rawValue, to: &writer, body)
  }
}
