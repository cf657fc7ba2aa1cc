import VecCore

/// What follows the vectors of a search: any number of options, each a tag, a length and so many bytes.
struct SearchOptions: Equatable {
  private static let leastSequenceTag: UInt16 = 1

  var leastSequence: UInt64?

  /// Reads to the end of the body. A form error anywhere goes before an unknown tag, which is a wish of a newer client.
  static func parse(_ reader: inout ByteReader) throws(VecError) -> SearchOptions {
    var options = SearchOptions()
    var last: UInt16?
    var unknown: UInt16?
    while reader.remaining > 0 {
      let tag: UInt16 = try reader.read()
      if let last, tag <= last { throw reader.failure("option \(tag) comes after option \(last), tags must ascend") }
      last = tag
      let length = Int(try reader.read(UInt32.self))
      switch tag {
      case leastSequenceTag:
        guard length == 8 else { throw reader.failure("option \(tag) has \(length) bytes, must have 8") }
        options.leastSequence = try reader.read()
      default:
        _ = try reader.readBytes(length)
        unknown = unknown ?? tag
      }
    }
    if let unknown {
      throw VecError(
        .notAvailable, "search option \(unknown) is unknown to \(VecVersion.writer); leave it out, or use a newer daemon")
    }
    return options
  }

  func encode(into writer: inout ByteWriter) {
    guard let leastSequence else { return }
    writer.write(Self.leastSequenceTag)
    writer.write(8 as UInt32)
    writer.write(leastSequence)
  }
}
