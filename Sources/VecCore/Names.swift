/// The rules for names that callers choose. Checked at every boundary, so that no path or quoting can go wrong later.
public enum Names {
  /// A collection name: 1 to 64 of `a-z 0-9 _ -`, first one a letter or digit.
  public static func checkCollection(_ name: String) throws(VecError) { try checkPlain(name, "collection name") }

  /// A snapshot name: as a collection name.
  public static func checkSnapshot(_ name: String) throws(VecError) { try checkPlain(name, "snapshot name") }

  private static func checkPlain(_ name: String, _ what: String) throws(VecError) {
    let isValid = isName(name) { isLower($0) || isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    guard isValid else {
      throw VecError(
        .invalidArgument,
        "\(what) \(quoted(name)): use 1 to \(Limits.nameBytesMax) of a-z 0-9 _ -, starting with a letter or digit")
    }
  }

  /// A generation label: 1 to 64 of `A-Z a-z 0-9 . _ : -`, first one a letter or digit.
  public static func checkLabel(_ label: String) throws(VecError) { try checkWide(label, "generation label") }

  /// The name of an exclude set: as a generation label.
  public static func checkExcludeSet(_ name: String) throws(VecError) { try checkSet(name, "exclude set") }

  /// The name of a bias set: the same.
  public static func checkBiasSet(_ name: String) throws(VecError) { try checkSet(name, "bias set") }

  package static func checkSet(_ name: String, _ what: String) throws(VecError) { try checkWide(name, what) }

  private static func checkWide(_ label: String, _ what: String) throws(VecError) {
    guard isName(label, allowed: isWide) else {
      throw VecError(
        .invalidArgument,
        "\(what) \(quoted(label)): use 1 to \(Limits.nameBytesMax) of A-Z a-z 0-9 . _ : -, "
          + "starting with a letter or digit")
    }
  }

  /// A model version: 1 to 128 of `A-Z a-z 0-9 . _ : / @ + -`, first one a letter or digit.
  public static func checkModel(_ model: String) throws(VecError) {
    let isValid = isName(model, most: Limits.modelBytesMax) { isWide($0) || "/@+".utf8.contains($0) }
    guard isValid else {
      throw VecError(
        .invalidArgument,
        "model version \(quoted(model)): use 1 to \(Limits.modelBytesMax) of A-Z a-z 0-9 . _ : / @ + -, "
          + "starting with a letter or digit")
    }
  }

  /// An attribute name: 1 to 64 of `a-z 0-9 _`, first one not a digit, and no word of the filter language.
  public static func checkAttribute(_ name: String) throws(VecError) {
    guard isAttribute(name) else {
      let rule = "use 1 to \(Limits.attributeNameBytesMax) of a-z 0-9 _, not starting with a digit"
      throw VecError(
        .invalidArgument,
        filterWords.contains(name)
          ? "attribute name \(quoted(name)) is a word of the filter language" : "attribute name \(quoted(name)): \(rule)")
    }
  }

  /// Words that mean something in a filter, and some that are kept for later.
  package static let filterWords: Set<String> = [
    "all", "and", "any", "between", "exists", "false", "has", "in", "is", "like", "missing", "none", "not", "null", "or",
    "true",
  ]

  package static func isAttribute(_ name: String) -> Bool {
    let bytes = name.utf8
    guard let first = bytes.first, bytes.count <= Limits.attributeNameBytesMax, !isDigit(first) else { return false }
    return bytes.allSatisfy { isLower($0) || isDigit($0) || $0 == UInt8(ascii: "_") } && !filterWords.contains(name)
  }

  /// A caller's text made safe for one line of a message: quoted, control characters escaped, cut at 80 characters.
  public static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars.prefix(80) {
      out += scalar.value < 0x20 || scalar.value == 0x7F ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }
    return out + (text.unicodeScalars.count > 80 ? "…\"" : "\"")
  }

  private static func isWide(_ byte: UInt8) -> Bool {
    isLower(byte) || isUpper(byte) || isDigit(byte) || "._:-".utf8.contains(byte)
  }

  private static func isName(
    _ name: String, most: Int = Limits.nameBytesMax, allowed: (UInt8) -> Bool
  ) -> Bool {
    let bytes = Array(name.utf8)
    guard let first = bytes.first, bytes.count <= most else { return false }
    return (isLower(first) || isUpper(first) || isDigit(first)) && bytes.allSatisfy(allowed)
  }

  private static func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
  private static func isUpper(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
