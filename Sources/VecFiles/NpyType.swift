import VecCore

/// The element types of npy files that vecd reads; all little-endian.
package enum NpyType: String, CaseIterable, Sendable {
  case f2 = "<f2"
  case f4 = "<f4"
  case f8 = "<f8"
  case u4 = "<u4"
  case i4 = "<i4"
  case u8 = "<u8"
  case i8 = "<i8"

  package var byteCount: Int {
    switch self {
    case .f2: 2
    case .f4, .u4, .i4: 4
    case .f8, .u8, .i8: 8
    }
  }

  var isFloat: Bool { self == .f2 || self == .f4 || self == .f8 }
}

/// The `descr` of an npy header, before anything is made of it.
package enum NpyDescription: Sendable, Equatable {
  case simple(String)
  /// A list of fields.
  case structured

  /// The type of floats, or an error with the numpy expression that would convert.
  /// - Parameter what: they are, for the message.
  func floatType(of name: String, _ what: String = "vectors") throws(VecError) -> NpyType {
    if case .simple(let text) = self, let type = NpyType(rawValue: text), type.isFloat { return type }
    throw VecError(
      .malformedFile,
      "\(name): holds \(told), \(what) must be float32, float16 or float64 of little-endian order; "
        + "convert with \(recipe)")
  }

  /// The type of ids, or an error with the numpy expression that would convert.
  func idType(of name: String) throws(VecError) -> NpyType {
    if case .simple(let text) = self, let type = NpyType(rawValue: text), !type.isFloat { return type }
    throw VecError(
      .malformedFile,
      "\(name): holds \(told), ids must be uint64, int64, uint32 or int32 of little-endian order; "
        + "convert with np.save(path, ids.astype(np.uint64))")
  }

  private var told: String {
    switch self {
    case .structured: "records of several fields"
    case .simple(let text):
      switch text.dropFirst() {
      case "i1": "int8 (\(Names.quoted(text)))"
      case "u1": "uint8 (\(Names.quoted(text)))"
      case "O": "Python objects (\(Names.quoted(text)))"
      case "V2": "2-byte values without a type, as bfloat16 is saved (\(Names.quoted(text)))"
      default: text.hasPrefix(">") ? "big-endian \(Names.quoted(text))" : "type \(Names.quoted(text))"
      }
    }
  }

  private var recipe: String {
    switch self {
    case .structured: "np.save(path, a['FIELD'].astype(np.float32))"
    case .simple(let text) where text.dropFirst() == "O": "np.save(path, np.stack(a).astype(np.float32))"
    case .simple: "np.save(path, a.astype(np.float32))"
    }
  }
}
