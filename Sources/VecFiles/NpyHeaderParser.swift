import VecCore

/// Reads the Python dictionary of an npy header: a closed grammar of three keys, never evaluated.
struct NpyHeaderParser {
  private let text: [UInt8]
  private let name: String
  private var offset = 0

  init(text: [UInt8], name: String) {
    self.text = text
    self.name = name
  }

  mutating func parse() throws(VecError) -> NpyHeader {
    var description: NpyDescription?
    var isFortranOrder: Bool?
    var shape: [Int]?
    try expect("{")
    while !take("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr" where description == nil: description = try self.description()
      case "fortran_order" where isFortranOrder == nil: isFortranOrder = try bool()
      case "shape" where shape == nil: shape = try tuple()
      default: throw failure("key \(Names.quoted(key)) is not expected")
      }
      if !take(",") {
        try expect("}")
        break
      }
    }
    skipSpace()
    guard offset == text.count else { throw failure("something follows the closing brace") }
    guard let description, let isFortranOrder, let shape else {
      throw failure("descr, fortran_order and shape must all be there")
    }
    return NpyHeader(description: description, isFortranOrder: isFortranOrder, shape: shape)
  }

  private func failure(_ what: String) -> VecError {
    VecError(
      .malformedFile, "\(name): its npy header cannot be read: \(what) (at character \(offset) of \(text.count))")
  }

  private mutating func skipSpace() {
    while offset < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[offset]) { offset += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard offset < text.count, text[offset] == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(VecError) {
    guard take(character) else { throw failure("\"\(character)\" is missing") }
  }

  private mutating func string() throws(VecError) -> String {
    skipSpace()
    guard offset < text.count, text[offset] == UInt8(ascii: "'") || text[offset] == UInt8(ascii: "\"") else {
      throw failure("a quoted text is missing")
    }
    let quote = text[offset]
    offset += 1
    let start = offset
    while offset < text.count, text[offset] != quote { offset += 1 }
    guard offset < text.count else { throw failure("a quoted text does not end") }
    offset += 1
    return String(decoding: text[start..<(offset - 1)], as: UTF8.self)
  }

  /// A type code, or a list of fields, which is only recognised: nothing after it matters, as it is refused.
  private mutating func description() throws(VecError) -> NpyDescription {
    guard take("[") else { return .simple(try string()) }
    var depth = 1
    while depth > 0 {
      guard offset < text.count else { throw failure("a list does not end") }
      switch text[offset] {
      case UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "]"): depth -= 1
      default: break
      }
      offset += 1
    }
    return .structured
  }

  private mutating func bool() throws(VecError) -> Bool {
    skipSpace()
    for (word, value) in [("True", true), ("False", false)] where text[offset...].starts(with: word.utf8) {
      offset += word.utf8.count
      return value
    }
    throw failure("fortran_order must be True or False")
  }

  private mutating func tuple() throws(VecError) -> [Int] {
    try expect("(")
    var extents: [Int] = []
    while !take(")") {
      guard extents.count < NpyHeader.rankMax else { throw failure("more than \(NpyHeader.rankMax) dimensions") }
      extents.append(try integer())
      if !take(",") {
        try expect(")")
        break
      }
    }
    return extents
  }

  private mutating func integer() throws(VecError) -> Int {
    skipSpace()
    let start = offset
    while offset < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[offset]) { offset += 1 }
    guard offset > start, let value = Int(String(decoding: text[start..<offset], as: UTF8.self)) else {
      throw failure("an extent of the shape is not a number below 2^63")
    }
    // Python 2 wrote long integers with an L.
    if offset < text.count, text[offset] == UInt8(ascii: "L") { offset += 1 }
    return value
  }
}
