import VecCore

/// What follows the vectors of a search: any number of options, each a tag, a length and so many bytes.
struct SearchOptions: Equatable {
  private enum Tag: UInt16 {
    case leastSequence = 1
    case excluded = 2
    case scoreLimit = 3
  }

  var leastSequence: UInt64?
  var excluded: [IDSet] = []
  var scoreLimit: Float?

  /// Reads to the end of the body. A form error anywhere goes before an unknown tag, which is a wish of a newer client.
  static func parse(_ reader: inout ByteReader, queryCount: Int) throws(VecError) -> SearchOptions {
    var options = SearchOptions()
    guard reader.remaining > 0 else { return options }
    var last: UInt16?
    var unknown: UInt16?
    while reader.remaining > 0 {
      let tag: UInt16 = try reader.read()
      if let last, tag <= last { throw reader.failure("option \(tag) comes after option \(last), tags must ascend") }
      last = tag
      let length = Int(try reader.read(UInt32.self))
      guard length <= reader.remaining else {
        throw reader.failure("option \(tag) has \(length) bytes, the body ends before")
      }
      let end = reader.offset + length
      switch Tag(rawValue: tag) {
      case .leastSequence where length == 8: options.leastSequence = try reader.read()
      case .scoreLimit where length == 4: options.scoreLimit = try reader.readFloat()
      case .leastSequence, .scoreLimit: throw reader.failure("option \(tag) has \(length) bytes, which is not its length")
      case .excluded: options.excluded = try ExcludedIDs.parse(&reader, queryCount: queryCount)
      case nil:
        _ = try reader.readBytes(length)
        unknown = unknown ?? tag
      }
      guard reader.offset == end else {
        throw reader.failure("option \(tag) says it has \(length) bytes, its content has another length")
      }
    }
    if let unknown {
      throw VecError(
        .notAvailable, "search option \(unknown) is unknown to \(VecVersion.writer); leave it out, or use a newer daemon")
    }
    return options
  }

  func encode(into writer: inout ByteWriter) {
    if let leastSequence {
      begin(.leastSequence, 8, &writer)
      writer.write(leastSequence)
    }
    if !excluded.isEmpty {
      let content = ExcludedIDs.encode(excluded)
      begin(.excluded, content.count, &writer)
      writer.write(bytes: content)
    }
    if let scoreLimit {
      begin(.scoreLimit, 4, &writer)
      writer.write(scoreLimit)
    }
  }

  private func begin(_ tag: Tag, _ length: Int, _ writer: inout ByteWriter) {
    writer.write(tag.rawValue)
    writer.write(UInt32(clamping: length))
  }
}
