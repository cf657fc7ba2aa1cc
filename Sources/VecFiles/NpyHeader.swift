package import VecCore

/// What an npy file says of itself before its data. Format: numpy.lib.format, versions 1.0, 2.0 and 3.0.
package struct NpyHeader: Sendable, Equatable {
  package var description: NpyDescription
  package var isFortranOrder: Bool
  package var shape: [Int]

  package static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// Bytes of the header's text; numpy writes some 100.
  package static let textBytesMax = 65_536
  package static let rankMax = 32

  package init(description: NpyDescription, isFortranOrder: Bool, shape: [Int]) {
    self.description = description
    self.isFortranOrder = isFortranOrder
    self.shape = shape
  }

  /// Takes magic, version and header text off `stream`.
  package init(from stream: ByteStream) throws(VecError) {
    let start = try stream.read(8)
    guard start.starts(with: Self.magic) else { throw stream.malformed(Self.noMagic(start)) }
    guard start.count == 8 else { throw stream.malformed("ends inside its npy header, after \(start.count) bytes") }
    let (major, minor) = (start[6], start[7])
    guard (1...3).contains(major), minor == 0 else {
      throw stream.malformed("npy version \(major).\(minor) is not known, must be 1.0, 2.0 or 3.0")
    }
    let lengthBytes = try stream.read(major == 1 ? 2 : 4)
    guard lengthBytes.count == (major == 1 ? 2 : 4) else {
      throw stream.malformed("ends inside its npy header, after \(stream.position) bytes")
    }
    let length = lengthBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= Self.textBytesMax else {
      throw stream.malformed("its npy header claims \(length) bytes, more than \(Self.textBytesMax)")
    }
    let text = try stream.read(length)
    guard text.count == length else {
      throw stream.malformed(
        "ends inside its npy header, after \(stream.position) bytes; \(length - text.count) are missing")
    }
    var parser = NpyHeaderParser(text: text, name: stream.name)
    self = try parser.parse()
  }

  private static func noMagic(_ start: [UInt8]) -> String {
    if start.isEmpty { return "is empty; an npy file as np.save(path, a) writes it was expected" }
    if start.starts(with: Array("PK".utf8)) {
      return "is a zip archive, perhaps .npz; save one array with np.save(path, a.astype(np.float32))"
    }
    if start.count < magic.count, magic.starts(with: start) {
      return "ends inside its npy header, after \(start.count) bytes"
    }
    let hex = start.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    return "is not an npy file: it starts with the bytes \(hex); save it with np.save(path, a.astype(np.float32))"
  }

  /// Rows, and values per row, of an array of `rank` dimensions; the product is checked to fit.
  /// - Parameter shapeName: what would be right, e.g. `(rows, dimension)`.
  func rows(rank: Int, shapeName: String, stream: ByteStream) throws(VecError) -> (rows: Int, width: Int) {
    guard shape.count == rank else {
      throw stream.malformed("its shape is \(shapeText), must be \(shapeName); see numpy's a.reshape")
    }
    // A single row or column reads the same in both orders.
    let isOneLine = shape.filter { $0 != 1 }.count <= 1 || shape.contains(0)
    guard !isFortranOrder || isOneLine else {
      throw stream.malformed(
        "holds column after column (Fortran order), must be row after row; "
          + "convert with np.save(path, np.ascontiguousarray(a))")
    }
    var width = 1
    for extent in shape.dropFirst() {
      let product = width.multipliedReportingOverflow(by: extent)
      guard !product.overflow else { throw stream.malformed("its shape \(shapeText) is larger than any memory") }
      width = product.partialValue
    }
    let values = width.multipliedReportingOverflow(by: shape[0])
    guard !values.overflow, !values.partialValue.multipliedReportingOverflow(by: 16).overflow else {
      throw stream.malformed("its shape \(shapeText) is larger than any file")
    }
    return (shape[0], width)
  }

  var shapeText: String {
    "(" + shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? ",)" : ")")
  }
}
