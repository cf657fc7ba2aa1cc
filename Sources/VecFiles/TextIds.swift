import VecCore

/// String ids of a text file, one per line, read along with the vectors.
final class TextIds {
  private let stream: ByteStream
  private var lineNumber = 0

  init(path: String) throws(VecError) { stream = try ByteStream(path: path) }

  /// The next string ids, at most `limit`; none after the last line.
  func next(limit: Int) throws(VecError) -> [String] {
    var texts: [String] = []
    while texts.count < limit, let text = try nextLine() { texts.append(text) }
    return texts
  }

  /// The next `count` string ids.
  func next(_ count: Int) throws(VecError) -> [String] {
    let texts = try next(limit: count)
    guard texts.count == count else {
      throw stream.malformed("it ends after \(lineNumber) lines, the vectors have more rows; each row needs a string id")
    }
    return texts
  }

  /// That no line is left over.
  func finish() throws(VecError) {
    guard try nextLine() == nil else {
      throw stream.malformed("it has more than \(lineNumber - 1) lines, the vectors have \(lineNumber - 1) rows")
    }
  }

  private func nextLine() throws(VecError) -> String? {
    guard var line = try stream.readLine(limit: 4 * Limits.stringIDBytesMax, number: lineNumber + 1) else { return nil }
    lineNumber += 1
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    guard let text = String(validating: line, as: UTF8.self) else {
      throw stream.malformed("line \(lineNumber) is not UTF-8")
    }
    if let defect = StringID.defect(of: text) { throw stream.malformed("the string id of line \(lineNumber) \(defect)") }
    return text
  }
}
