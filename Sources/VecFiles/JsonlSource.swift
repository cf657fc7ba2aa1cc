package import VecCore

/// Vectors of JSON lines: `{"id": 7, "vector": [0.25, -1]}`, one object per line, which may have `attributes` and a `payload`
/// too; blank lines are skipped. Ids are numbers in all lines, or texts in all.
package final class JsonlSource: VectorSource {
  private let stream: ByteStream
  private var lineNumber = 0
  private var pending: JsonVectorLine?
  /// Nil before the first line.
  private var hasStringIDs: Bool?
  package let dimension: Int?
  package let rowCount: Int? = nil

  package var name: String { stream.name }

  /// Bytes of a line.
  package static let lineBytesMax = 1 << 20
  private static let blockValues = 1 << 19

  /// Reads the first line, which tells the dimension.
  package init(stream: ByteStream) throws(VecError) {
    self.stream = stream
    let first = try Self.nextLine(stream, &lineNumber)
    pending = first
    dimension = first?.vector.count
  }

  package func nextBlock() throws(VecError) -> VectorBlock? {
    guard let dimension else { return nil }
    var own = IDBlock(ids: [])
    var values: [Float] = []
    var items: [RawItem] = []
    while values.count < Self.blockValues {
      guard let line = try takeLine() else { break }
      guard line.vector.count == dimension else {
        throw stream.malformed(
          "line \(lineNumber) has a vector of \(line.vector.count) values, the lines before have \(dimension)")
      }
      try append(line.id, to: &own)
      values.append(contentsOf: line.vector)
      items.append(line.item)
    }
    if items.allSatisfy(\.isEmpty) { items = [] }
    return own.ids.isEmpty ? nil : VectorBlock(own, elements: .f32(values), items: items)
  }

  private func append(_ key: JsonVectorLine.Key, to own: inout IDBlock) throws(VecError) {
    let isText = if case .text = key { true } else { false }
    guard isText == (hasStringIDs ?? isText) else {
      throw stream.malformed(
        "line \(lineNumber) has \(isText ? "a text" : "a number") as its id, the lines before have "
          + (isText ? "numbers" : "texts"))
    }
    hasStringIDs = isText
    switch key {
    case .number(let id): own.ids.append(id)
    case .text(let text):
      own.ids.append(StringID.id(of: text))
      own.stringIDs.append(text)
    }
  }

  private func takeLine() throws(VecError) -> JsonVectorLine? {
    if let line = pending {
      pending = nil
      return line
    }
    return try Self.nextLine(stream, &lineNumber)
  }

  private static func nextLine(_ stream: ByteStream, _ number: inout Int) throws(VecError) -> JsonVectorLine? {
    while let line = try stream.readLine(limit: lineBytesMax, number: number + 1) {
      number += 1
      var parser = JsonVectorParser(line: line, context: "\(stream.name): line \(number)")
      if let parsed = try parser.parse() { return parsed }
    }
    return nil
  }
}
