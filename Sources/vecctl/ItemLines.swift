import VecClient
import VecCore
import VecFiles

/// The lines of `--attributes`, one JSON object per row of the vectors.
final class ItemLines {
  static let lineBytesMax = 1 << 20
  private let stream: ByteStream
  private var lineNumber = 0

  init(path: String) throws(VecError) { stream = try ByteStream(path: path) }

  /// The records of the next rows.
  func next(_ count: Int, _ decoder: ItemDecoder) throws(VecError) -> [AttributeRecord] {
    var records: [AttributeRecord] = []
    records.reserveCapacity(count)
    while records.count < count {
      guard let line = try stream.readLine(limit: Self.lineBytesMax, number: lineNumber + 1) else {
        throw stream.malformed("it ends after \(lineNumber) lines, the vectors have more rows; each row needs a line")
      }
      lineNumber += 1
      records.append(try decoder.decode(line, context: "\(stream.name): line \(lineNumber)"))
    }
    return records
  }

  /// That no line is left over.
  func finish() throws(VecError) {
    while let line = try stream.readLine(limit: Self.lineBytesMax, number: lineNumber + 1) {
      guard line.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) else {
        throw stream.malformed("it has more than \(lineNumber) lines, the vectors have \(lineNumber) rows")
      }
      lineNumber += 1
    }
  }
}

/// The records of the rows of an input: of its own lines, or of a file beside it.
struct ItemSource {
  private let lines: ItemLines?
  private var decoder: ItemDecoder?
  private var rowCount = 0

  /// - Parameter path: of `--attributes`.
  init(path: String?) throws(VecError) {
    lines = try path.map { (path) throws(VecError) in try ItemLines(path: path) }
  }

  /// The records of the next rows; empty when none has any.
  ///
  /// - Parameter attributes: asks the daemon, once and only if need be.
  mutating func records(
    of block: VectorBlock, attributes: () async throws -> [AttributeDefinition]
  ) async throws -> [AttributeRecord] {
    let records = try await besideIDs(block, attributes: attributes)
    return block.stringIDs.isEmpty ? records : try records.naming(block.stringIDs)
  }

  private mutating func besideIDs(
    _ block: VectorBlock, attributes: () async throws -> [AttributeDefinition]
  ) async throws -> [AttributeRecord] {
    defer { rowCount += block.ids.count }
    guard lines != nil || !block.items.isEmpty else { return [] }
    guard lines == nil || block.items.isEmpty else {
      throw VecError(.invalidArgument, "the vectors' lines have attributes of their own; leave --attributes out")
    }
    let own: ItemDecoder
    if let decoder { own = decoder } else { own = ItemDecoder(attributes: try await attributes()) }
    decoder = own
    if let lines { return try lines.next(block.ids.count, own) }
    let first = rowCount
    return try block.items.enumerated().map { place, item throws(VecError) in
      try own.record(item, context: "row \(first + place)")
    }
  }

  func finish() throws(VecError) { try lines?.finish() }
}
