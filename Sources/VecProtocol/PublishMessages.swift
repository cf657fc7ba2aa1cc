import VecCore

/// Publishes, one by one and together: what is checked before, and what is said after.
extension PublishRequest {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> PublishRequest {
    let collection = try reader.readString()
    let generation = try reader.readString()
    let hasExpected = try reader.readBool()
    let label = try reader.readOptionalString()
    let expected: ExpectedLive
    switch (hasExpected, label) {
    case (true, let label?): expected = .label(label)
    case (true, nil): expected = .nothing
    case (false, nil): expected = .any
    case (false, _?): throw reader.failure("an expected generation is given, but its flag is 0")
    }
    return PublishRequest(
      collection: collection, generation: generation, expected: expected, checks: try PublishChecks.parse(&reader))
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(collection: collection, generation: generation)
    switch expected {
    case .any:
      writer.write(false)
      writer.write(string: "")
    case .nothing:
      writer.write(true)
      writer.write(string: "")
    case .label(let label):
      writer.write(true)
      writer.write(string: label)
    }
    checks.encode(into: &writer)
  }

  /// Of several that are to happen together.
  static func parseAll(_ reader: inout ByteReader) throws(VecError) -> [PublishRequest] {
    try reader.readParts(of: "publish together request", PublishRequest.parse)
  }

  static func encode(_ requests: [PublishRequest], into writer: inout ByteWriter) {
    writer.writeParts(requests) { $0.encode(into: &$1) }
  }
}

extension PublishChecks {
  private enum Tag: UInt16 {
    case leastRows = 1
    case leastShare = 2
    case leastRecall = 3
    case leastOverlap = 4
    case greatestDrift = 5
    case greatestUnseen = 6
    case model = 7
    case k = 8
    case queries = 9
    case liveQueries = 10
    case dryRun = 11
  }

  fileprivate static func parse(_ reader: inout ByteReader) throws(VecError) -> PublishChecks {
    var checks = PublishChecks()
    try WireOptions.parse(&reader, of: "publish") { (number, _, reader) throws(VecError) in
      guard let tag = Tag(rawValue: number) else { return false }
      switch tag {
      case .leastRows: checks.leastRows = try reader.read()
      case .leastShare: checks.leastShare = try reader.readFloat()
      case .leastRecall: checks.leastRecall = try reader.readFloat()
      case .leastOverlap: checks.leastOverlap = try reader.readFloat()
      case .greatestDrift: checks.greatestDrift = try reader.readFloat()
      case .greatestUnseen: checks.greatestUnseen = try reader.readFloat()
      case .model: checks.model = try reader.readString()
      case .k: checks.k = try RequestLimits.k(Int(try reader.read(UInt32.self)))
      case .queries: checks.queries = try QuerySample.parseChecked(&reader)
      case .liveQueries: checks.liveQueries = try QuerySample.parseChecked(&reader)
      case .dryRun: checks.isDryRun = true
      }
      return true
    }
    return checks
  }

  fileprivate func encode(into writer: inout ByteWriter) {
    if let leastRows { write(.leastRows, to: &writer) { $0.write(leastRows) } }
    let shares: [(Tag, Float?)] = [
      (.leastShare, leastShare), (.leastRecall, leastRecall), (.leastOverlap, leastOverlap),
      (.greatestDrift, greatestDrift), (.greatestUnseen, greatestUnseen),
    ]
    for (tag, share) in shares {
      if let share { write(tag, to: &writer) { $0.write(share) } }
    }
    if let model { write(.model, to: &writer) { $0.write(string: model) } }
    if let k { write(.k, to: &writer) { $0.write(UInt32(clamping: k)) } }
    if let queries { write(.queries, to: &writer) { queries.encodeChecked(into: &$0) } }
    if let liveQueries { write(.liveQueries, to: &writer) { liveQueries.encodeChecked(into: &$0) } }
    if isDryRun { write(.dryRun, to: &writer) { _ in } }
  }

  private func write(_ tag: Tag, to writer: inout ByteWriter, _ body: (inout ByteWriter) -> Void) {
    WireOptions.write(tag.rawValue, to: &writer, body)
  }
}

extension QuerySample {
  /// As they come with a publish.
  fileprivate static func parseChecked(_ reader: inout ByteReader) throws(VecError) -> QuerySample {
    let count = try RequestLimits.publishQueries(Int(try reader.read(UInt32.self)))
    let dimension = try RequestLimits.dimension(Int(try reader.read(UInt32.self)))
    return QuerySample(dimension: dimension, vectors: try reader.readArray(Float.self, count: count * dimension))
  }

  fileprivate func encodeChecked(into writer: inout ByteWriter) {
    writer.write(UInt32(clamping: count))
    writer.write(UInt32(clamping: dimension))
    writer.write(array: vectors)
  }

  /// As they are told: there may be none.
  static func parseCaptured(_ reader: inout ByteReader) throws(VecError) -> QuerySample {
    let dimension = Int(try reader.read(UInt32.self))
    guard (1...Limits.dimensionMax).contains(dimension) else {
      throw reader.failure("dimension is \(dimension), must be 1 to \(Limits.dimensionMax)")
    }
    let count = try reader.readCount(leastBytes: 4 * dimension, of: "captured queries")
    return QuerySample(dimension: dimension, vectors: try reader.readArray(Float.self, count: count * dimension))
  }

  func encodeCaptured(into writer: inout ByteWriter) {
    writer.write(UInt32(clamping: dimension))
    writer.write(UInt32(clamping: count))
    writer.write(array: vectors)
  }
}

extension PublishOutcome {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> PublishOutcome {
    var outcome = PublishOutcome(
      sequence: try reader.read(), replaced: try reader.readOptionalString(), report: nil)
    guard reader.remaining > 0 else { return outcome }
    outcome.report = try reader.readOptionalText()
    guard outcome.report != nil else { throw reader.failure("a report is empty, must be a JSON object") }
    return outcome
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(sequence)
    writer.write(string: replaced ?? "")
    if let report { writer.write(text: report) }
  }

  static func parseAll(_ reader: inout ByteReader) throws(VecError) -> [PublishOutcome] {
    try reader.readParts(of: "publish together reply", PublishOutcome.parse)
  }

  static func encode(_ outcomes: [PublishOutcome], into writer: inout ByteWriter) {
    writer.writeParts(outcomes) { $0.encode(into: &$1) }
  }
}

extension ByteReader {
  /// A u8 count, then so many bodies, each with its length.
  fileprivate mutating func readParts<Part>(
    of message: String, _ parse: (inout ByteReader) throws(VecError) -> Part
  ) throws(VecError) -> [Part] {
    var parts: [Part] = []
    for _ in 0..<(try read(UInt8.self)) {
      let length = Int(try read(UInt32.self))
      guard length <= remaining else { throw failure("a part has \(length) bytes, the body ends before") }
      var part = ByteReader(try readBytes(length), code: .malformedFrame, context: message)
      parts.append(try parse(&part))
      try part.finish()
    }
    return parts
  }
}

extension ByteWriter {
  fileprivate mutating func writeParts<Part>(_ parts: [Part], _ encode: (Part, inout ByteWriter) -> Void) {
    write(UInt8(clamping: parts.count))
    for part in parts {
      let place = bytes.count
      write(UInt32(0))
      encode(part, &self)
      overwrite(UInt32(clamping: bytes.count - place - 4), at: place)
    }
  }
}
