package import VecCore

/// For people: a segment file by its path, without a manifest.
package enum SegmentInspection {
  /// Everything that is wrong with a file: all damaged blocks, not only the first. A sound file has no findings.
  ///
  /// - Parameters:
  ///   - collection: the name to put into the findings, as far as the caller knows it.
  ///   - progress: is told the bytes read since the last call.
  package static func findings(
    path: String, collection: String = "", expecting: SegmentIdentity? = nil, progress: (Int) -> Void = { _ in }
  ) -> VerifyReport {
    var report = VerifyReport(fileCount: 1)
    func note(_ error: VecError) {
      report.findings.append(.init(collection: collection, file: path, message: error.message))
    }
    do throws(VecError) {
      let file = try openForReading(path)
      report.byteCount = UInt64(clamping: try file.status().byteCount)
      let structure = try SegmentStructure(reading: file)
      try structure.check(expecting, path: path)
      try withoutActuallyEscaping(progress) { (progress) throws(VecError) in
        try withoutActuallyEscaping(note) { (note) throws(VecError) in
          try SegmentVerification(file: file, structure: structure, progress: progress, damage: note).run()
        }
      }
    } catch {
      note(error)
    }
    return report
  }

  /// Every field of a file with its offset and bytes, and the beginning of every section.
  package static func dump(path: String) throws(VecError) -> SegmentDump {
    let file = try openForReading(path)
    let structure = try SegmentStructure(reading: file)
    var dump = SegmentDump(path: path, header: structure.header, identity: structure.identity)
    try SegmentDumper(file: file, structure: structure).run(into: &dump)
    return dump
  }

  /// `dump` as text, one field a line; `Formats/segment.md` shows an example.
  package static func describe(path: String) throws(VecError) -> String { try dump(path: path).text }

  private static func openForReading(_ path: String) throws(VecError) -> OpenFile {
    guard try SystemCall.status(path) != nil else { throw VecError(.fileNotFound, "\(path): there is no such file") }
    return try OpenFile(path, OpenFile.readOnly)
  }
}

/// A segment file taken apart, for text and for JSON.
package struct SegmentDump: Sendable {
  /// One field. `bytes` are its first ones, at most `SegmentDump.bytesShown`.
  package struct Field: Sendable, Equatable {
    package var part: String
    package var name: String
    package var offset: Int
    package var length: Int
    package var bytes: [UInt8]
    package var value: String
  }

  /// One section of the directory. Lengths are bytes.
  package struct Section: Sendable, Equatable {
    package var kind: SectionKind
    package var encoding: String
    package var offset: Int
    package var storedLength: Int
    package var rawLength: Int
    package var blockCount: Int
  }

  package static let bytesShown = 16

  package var path: String
  package var header: SegmentHeader
  package var identity: SegmentIdentity
  package var sections: [Section] = []
  package var fields: [Field] = []

  /// A line per field, a heading per part: offset, bytes, name, value.
  package var text: String {
    var out = ""
    var part = ""
    for field in fields {
      if field.part != part {
        part = field.part
        out += "\(out.isEmpty ? "" : "\n")\(part)\n"
      }
      let line = [
        Self.padded(String(field.offset), 8, left: true), Self.padded(Self.hex(field), 51),
        Self.padded(field.name, 24), field.value,
      ].joined(separator: "  ")
      out += String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
    }
    return out
  }

  private static func hex(_ field: Field) -> String {
    let shown = field.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    return field.length > field.bytes.count ? shown + " ..." : shown
  }

  private static func padded(_ text: String, _ width: Int, left: Bool = false) -> String {
    let space = String(repeating: " ", count: max(width - text.count, 0))
    return left ? space + text : text + space
  }
}
