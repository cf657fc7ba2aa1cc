import VecCore

/// The entries of list, generations and verify replies.
extension CollectionInfo {
  /// Bytes of an entry whose texts are empty.
  private static let leastByteCount = 31

  static func parseAll(_ reader: inout ByteReader) throws(VecError) -> [CollectionInfo] {
    let count = try reader.readCount(leastBytes: leastByteCount, of: "collections")
    var collections: [CollectionInfo] = []
    for _ in 0..<count { collections.append(try parse(&reader)) }
    return collections
  }

  private static func parse(_ reader: inout ByteReader) throws(VecError) -> CollectionInfo {
    CollectionInfo(
      name: try reader.readString(), dimension: Int(try reader.read(UInt32.self)), metric: try reader.readMetric(),
      sequence: try reader.read(), liveGeneration: try reader.readOptionalString(),
      liveRowCount: try reader.read(), generationCount: Int(try reader.read(UInt32.self)),
      fence: try reader.readOptionalString())
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: name)
    writer.write(UInt32(clamping: dimension))
    writer.write(metric.rawValue)
    writer.write(sequence)
    writer.write(string: liveGeneration ?? "")
    writer.write(liveRowCount)
    writer.write(UInt32(clamping: generationCount))
    writer.write(string: fence ?? "")
  }
}

extension CollectionDescription {
  private static let idsTag: UInt16 = 64

  static func parse(_ reader: inout ByteReader) throws(VecError) -> CollectionDescription {
    var description = CollectionDescription(
      dimension: Int(try reader.read(UInt32.self)), metric: try reader.readMetric(), attributes: [])
    for _ in 0..<(try reader.read(UInt8.self)) { description.attributes.append(try reader.readAttribute()) }
    let change = try SettingsChange.parse(&reader, of: "describe") { (tag, length, reader) throws(VecError) in
      // What else a newer daemon tells is no concern of this client.
      if tag == idsTag { description.ids = try reader.readIDKind() } else { _ = try reader.readBytes(length) }
      return true
    }
    if let share = change.gaugeShare, !(share >= 0 && share <= 1) {
      throw reader.failure("the gauge share is \(share), must be 0 to 1")
    }
    description.settings = description.settings.changed(by: change)
    return description
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(UInt32(clamping: dimension))
    writer.write(metric.rawValue)
    writer.write(UInt8(clamping: attributes.count))
    for attribute in attributes { writer.write(attribute) }
    settings.asChange.encode(into: &writer)
    if ids != .number { WireOptions.write(Self.idsTag, to: &writer) { $0.write(ids.rawValue) } }
  }
}

extension GenerationInfo {
  /// Bytes of an entry whose texts are empty.
  private static let leastByteCount = 62

  static func parseReply(_ reader: inout ByteReader) throws(VecError) -> Reply {
    let count = try reader.readCount(leastBytes: leastByteCount, of: "generations")
    var generations: [GenerationInfo] = []
    for _ in 0..<count { generations.append(try parse(&reader)) }
    // They are there when they were asked for.
    let withModels = reader.remaining > 0
    if withModels {
      for place in generations.indices { generations[place].model = try reader.readOptionalString() }
    }
    return .generations(generations, withModels: withModels)
  }

  private static func parse(_ reader: inout ByteReader) throws(VecError) -> GenerationInfo {
    GenerationInfo(
      label: try reader.readString(), number: try reader.read(), state: try reader.readState(),
      index: try reader.readIndex(), rowCount: try reader.read(), byteCount: try reader.read(),
      segmentCount: Int(try reader.read(UInt32.self)), createdAt: try reader.read(),
      builtAt: try reader.readTime(), publishedAt: try reader.readTime(), buildProgress: try reader.readProgress(),
      buildError: try reader.readOptionalString())
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: label)
    writer.write(number)
    writer.write(state.rawValue)
    writer.write(index?.rawValue ?? 0)
    writer.write(rowCount)
    writer.write(byteCount)
    writer.write(UInt32(clamping: segmentCount))
    writer.write(createdAt)
    writer.write(builtAt ?? -1)
    writer.write(publishedAt ?? -1)
    writer.write(buildProgress ?? -1)
    writer.write(string: buildError ?? "")
  }
}

extension VerifyReport {
  /// Bytes of a finding whose texts are empty.
  private static let leastFindingByteCount = 8

  static func parse(_ reader: inout ByteReader) throws(VecError) -> VerifyReport {
    var report = VerifyReport(fileCount: try reader.read(), byteCount: try reader.read())
    let count = try reader.readCount(leastBytes: leastFindingByteCount, of: "findings")
    for _ in 0..<count {
      report.findings.append(
        Finding(collection: try reader.readString(), file: try reader.readString(), message: try reader.readText()))
    }
    return report
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(fileCount)
    writer.write(byteCount)
    writer.write(UInt32(clamping: findings.count))
    for finding in findings {
      writer.write(string: finding.collection)
      writer.write(string: finding.file)
      writer.write(text: finding.message)
    }
  }
}

extension ByteReader {
  /// Milliseconds since 1970; nil for -1, which is never.
  fileprivate mutating func readTime() throws(VecError) -> Int64? {
    let time = try read(Int64.self)
    return time == -1 ? nil : time
  }

  /// 0 to 1; nil for -1, which is "no build runs".
  fileprivate mutating func readProgress() throws(VecError) -> Float? {
    let progress = try readFloat()
    if progress == -1 { return nil }
    guard progress >= 0, progress <= 1 else { throw failure("build progress is \(progress), must be -1 or 0 to 1") }
    return progress
  }
}
