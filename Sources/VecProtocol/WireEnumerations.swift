import VecCore

/// Values that several messages hold. A number outside an enumeration is a form error: the sender is of another kind.
extension ByteReader {
  /// A `str` of which the empty one means "none".
  mutating func readOptionalString() throws(VecError) -> String? {
    let text = try readString()
    return text.isEmpty ? nil : text
  }

  mutating func readMetric() throws(VecError) -> Metric {
    let raw = try read(UInt8.self)
    guard let metric = Metric(rawValue: raw) else { throw failure("metric \(raw) is unknown, must be 0 to 2") }
    return metric
  }

  mutating func readElement() throws(VecError) -> ElementType {
    let raw = try read(UInt8.self)
    guard let element = ElementType(rawValue: raw) else { throw failure("element \(raw) is unknown, must be 0 to 2") }
    return element
  }

  /// Nil for 0: auto in requests, none in replies.
  mutating func readIndex() throws(VecError) -> IndexType? {
    let raw = try read(UInt8.self)
    guard raw != 0 else { return nil }
    guard let index = IndexType(rawValue: raw) else { throw failure("index \(raw) is unknown, must be 0 to 3") }
    return index
  }

  mutating func readState() throws(VecError) -> GenerationState {
    let raw = try read(UInt8.self)
    guard let state = GenerationState(rawValue: raw) else { throw failure("state \(raw) is unknown, must be 0 to 3") }
    return state
  }

  mutating func readIDKind() throws(VecError) -> IDKind {
    let raw = try read(UInt8.self)
    guard let kind = IDKind(rawValue: raw) else { throw failure("ids \(raw) are unknown, must be 0 or 1") }
    return kind
  }

  mutating func readModelPolicy() throws(VecError) -> ModelPolicy {
    let raw = try read(UInt8.self)
    guard let policy = ModelPolicy(rawValue: raw) else { throw failure("model policy \(raw) is unknown, must be 0 to 2") }
    return policy
  }

  /// A u32 count of things that take at least `leastBytes` each, so that no count makes us reserve what cannot come.
  mutating func readCount(leastBytes: Int, of what: String) throws(VecError) -> Int {
    let count = Int(try read(UInt32.self))
    guard count <= remaining / leastBytes else { throw failure("\(count) \(what) cannot fit in the rest") }
    return count
  }
}
