package import VecCore

/// The log of a generation's writes since its last seal, as the manifest keeps it.
package struct DeltaRow: Sendable, Equatable {
  package var number: UInt64
  package var generation: UInt64
  package var writeCount: UInt64
  /// The collection's sequence after its last write.
  package var lastSequence: UInt64
  /// Checksum of the last write, which covers all before; 0 without writes.
  package var chain: UInt32

  package init(number: UInt64, generation: UInt64, writeCount: UInt64 = 0, lastSequence: UInt64 = 0, chain: UInt32 = 0) {
    self.number = number
    self.generation = generation
    self.writeCount = writeCount
    self.lastSequence = lastSequence
    self.chain = chain
  }

  var checksum: UInt32 {
    var writer = ByteWriter(reserving: 40)
    for value in [number, generation, writeCount, lastSequence, UInt64(chain)] { writer.write(value) }
    return writer.bytes.withUnsafeBytes { CRC32C.of($0) }
  }
}

/// A part of the dead rows of a segment, without the rows.
package struct DeadRowsRow: Sendable, Equatable {
  package var segment: UUID
  package var part: UInt64
  package var rowCount: UInt64
  package var checksum: UInt32

  /// By segment, then part.
  func isBefore(_ other: DeadRowsRow) -> Bool {
    segment == other.segment ? part < other.part : segment.bytes.lexicographicallyPrecedes(other.segment.bytes)
  }

  static func checksum(_ segment: UUID, part: UInt64, rows: [UInt32]) -> UInt32 {
    var writer = ByteWriter(reserving: 32)
    writer.write(bytes: segment.bytes)
    writer.write(part)
    writer.write(UInt64(rows.count))
    var crc = CRC32C()
    crc.update(writer.bytes)
    rows.withUnsafeBytes { crc.update($0) }
    return crc.value
  }
}

/// One write of a delta.
package struct LoggedWrite: Sendable, Equatable {
  package enum Kind: UInt64, Sendable {
    case upsert = 1
    case delete = 2
    /// Tokens of writes whose delta is sealed.
    case tokens = 3
    /// An upsert whose rows have attributes or payloads.
    case upsertWithRecords = 4
  }

  package var sequence: UInt64
  package var kind: Kind
  package var token: WriteToken?
  package var rowCount: Int
  /// As `Formats/manifest-writes.sql` and `manifest-attributes.sql` say for the kind.
  package var content: [UInt8]

  package init(sequence: UInt64, kind: Kind, token: WriteToken?, rowCount: Int, content: [UInt8]) {
    self.sequence = sequence
    self.kind = kind
    self.token = token
    self.rowCount = rowCount
    self.content = content
  }

  /// Adds no rows: what it takes of the disk is less than what it lets go.
  package var isDelete: Bool { kind == .delete }

  var tokenBytes: [UInt8] {
    guard let token else { return [] }
    return UUID(high: token.high, low: token.low).bytes
  }

  /// - Parameters:
  ///   - chain: of the write before.
  ///   - number: of this write in its delta.
  func checksum(after chain: UInt32, delta: UInt64, number: UInt64) -> UInt32 {
    let token = tokenBytes
    var head = ByteWriter(reserving: 80)
    head.write(chain)
    for value in [delta, number, sequence, kind.rawValue, UInt64(token.count)] { head.write(value) }
    head.write(bytes: token)
    head.write(UInt64(rowCount))
    head.write(UInt64(content.count))
    var crc = CRC32C()
    crc.update(head.bytes)
    crc.update(content)
    return crc.value
  }
}
