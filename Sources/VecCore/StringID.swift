internal import CXXHash

/// What the items of a collection are known by; chosen when it is created. Raw values are those of frames.
public enum IDKind: UInt8, CaseIterable, Sendable {
  /// The u64 that they come with.
  case number = 0
  /// A text, whose hash is their u64.
  case string = 1

  /// The name of the command line.
  public var name: String {
    switch self {
    case .number: "number"
    case .string: "string"
    }
  }
}

/// The text that an item of a collection with string ids is known by: 1 to `Limits.stringIDBytesMax` bytes of UTF-8 without
/// control characters. `Formats/string-ids.md` has the hash and its chances.
public enum StringID {
  /// The id by which a string id goes wherever ids are numbers: the upper 63 bits of its XXH64 with seed 0.
  public static func id(of text: String) -> UInt64 {
    var text = text
    return text.withUTF8 { id(ofBytes: UnsafeRawBufferPointer($0)) }
  }

  /// The ids of texts.
  ///
  /// - Throws: `invalid-argument` naming the first that cannot be a string id.
  public static func ids(of texts: [String]) throws(VecError) -> [UInt64] {
    try texts.map { (text) throws(VecError) in
      try check(text)
      return id(of: text)
    }
  }

  package static func id(ofBytes bytes: UnsafeRawBufferPointer) -> UInt64 { XXH64(bytes.baseAddress, bytes.count, 0) >> 1 }

  /// What breaks the rules for string ids, to follow the words "its string id"; nil when nothing does.
  package static func defect(of text: String) -> String? {
    let count = text.utf8.count
    guard (1...Limits.stringIDBytesMax).contains(count) else {
      return "has \(count) bytes, must have 1 to \(Limits.stringIDBytesMax)"
    }
    guard let control = text.utf8.first(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
    return "has the control character \(control), which no string id may have"
  }

  /// - Throws: `invalid-argument` saying what would be right.
  public static func check(_ text: String) throws(VecError) {
    guard let defect = defect(of: text) else { return }
    throw VecError(.invalidArgument, "string id \(Names.quoted(text)) \(defect)")
  }

  /// What to say when two of them have the same hash.
  package static func collision(_ one: String, _ other: String) -> VecError {
    VecError(
      .duplicateId,
      "string ids \(Names.quoted(one)) and \(Names.quoted(other)) have the same hash of 63 bits, \(id(of: one)), so only one "
        + "of them can be in a generation: rename one")
  }
}

extension AttributeRecord {
  /// That an item with this id may have it in a collection whose items are known so.
  ///
  /// - Throws: `invalid-argument` saying what would be right.
  package func check(id: UInt64, _ kind: IDKind) throws(VecError) {
    guard let text = stringID?.text else {
      guard kind == .number else {
        throw VecError(.invalidArgument, "id \(id) comes without its string id, the collection's items are known by these")
      }
      return
    }
    guard kind == .string else {
      throw VecError(
        .invalidArgument,
        "id \(id) comes with the string id \(Names.quoted(text)), but the collection's items are known by numbers: create one "
          + "with string ids, or leave it out")
    }
    try StringID.check(text)
    guard StringID.id(of: text) == id else {
      throw VecError(
        .invalidArgument,
        "id \(id) comes with the string id \(Names.quoted(text)), whose hash is \(StringID.id(of: text)): send that as its id")
    }
  }
}
