package import VecCore

extension Manifest {
  /// Hands out the writes of a delta in their order, each checked against the chain of checksums.
  ///
  /// - Throws: `.manifestDamaged` when a write is missing, changed, or one too many.
  package func readWrites(
    of delta: DeltaRow, dimension: Int, _ body: (LoggedWrite) throws(VecError) -> Void
  ) throws(VecError) {
    var sound = DeltaRow(number: delta.number, generation: delta.generation)
    try readWrites(of: delta, dimension: dimension, sound: &sound, body)
  }

  /// The same, for a repair.
  ///
  /// - Parameter sound: an empty row of the delta; in the end what it would be with the sound writes only.
  package func readWrites(
    of delta: DeltaRow, dimension: Int, sound: inout DeltaRow, _ body: (LoggedWrite) throws(VecError) -> Void
  ) throws(VecError) {
    let table = ManifestTransaction.table(delta.number)
    let statement = try connection.prepare(
      "SELECT write_number, sequence, kind, token, row_count, content, checksum FROM \(table) ORDER BY write_number")
    defer { connection.forgetStatements(mentioning: table) }
    while try statement.step() {
      let values = (0..<7).map { statement.value($0) }
      let number = sound.writeCount + 1
      guard let write = LoggedWrite(values, dimension: dimension), values[0] == .integer(Int64(bitPattern: number)),
        case .integer(let checksum) = values[6], write.sequence >= sound.lastSequence
      else { throw Self.damaged(delta, "write \(number) is out of range") }
      let chain = write.checksum(after: sound.chain, delta: delta.number, number: number)
      guard checksum == Int64(chain) else { throw Self.damaged(delta, "write \(number) fails its checksum") }
      (sound.writeCount, sound.lastSequence, sound.chain) = (number, write.sequence, chain)
      try body(write)
    }
    statement.reset()
    guard sound == delta else {
      throw Self.damaged(
        delta,
        "it has \(sound.writeCount) writes up to sequence \(sound.lastSequence), and should have \(delta.writeCount) up "
          + "to \(delta.lastSequence)")
    }
  }

  /// The dead rows of a segment, of all parts, ascending.
  package func deadRows(_ parts: [DeadRowsRow], rowCount: UInt64) throws(VecError) -> [UInt32] {
    var all: [UInt32] = []
    for part in parts {
      let statement = try connection.prepare("SELECT rows FROM dead_rows WHERE segment_uuid = ? AND part = ?")
      try statement.bind([.blob(part.segment.bytes), .integer(Int64(bitPattern: part.part))])
      guard case .blob(let bytes)? = try statement.rows(columns: 1).first?.first, bytes.count % 4 == 0 else {
        throw Self.damaged(part, "is missing")
      }
      let rows = bytes.withUnsafeBytes { bytes in
        (0..<bytes.count / 4).map { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)) }
      }
      guard rows.count == part.rowCount,
        DeadRowsRow.checksum(part.segment, part: part.part, rows: rows) == part.checksum
      else { throw Self.damaged(part, "fails its checksum") }
      guard zip(rows, rows.dropFirst()).allSatisfy({ $0 < $1 }), rows.last.map({ UInt64($0) < rowCount }) ?? true else {
        throw Self.damaged(part, "names rows out of range")
      }
      all += rows
    }
    return all
  }

  /// The real queries that a generation was built with; nil when there were none.
  package func sample(of generation: UInt64, dimension: Int) throws(VecError) -> [Float]? {
    guard try CatalogueReader(connection).hasWrites() else { return nil }
    let statement = try connection.prepare(
      "SELECT query_count, checksum, vectors FROM samples WHERE generation_number = ?")
    try statement.bind([.integer(Int64(bitPattern: generation))])
    guard let row = try statement.rows(columns: 3).first else { return nil }
    guard case .integer(let count) = row[0], case .integer(let checksum) = row[1], case .blob(let bytes) = row[2],
      count > 0, bytes.count == Int(count) * dimension * 4
    else { throw VecError(.manifestDamaged, "the sample of queries of generation \(generation) is out of range") }
    let vectors = bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
    guard Int64(Self.sampleChecksum(generation, UInt64(count), vectors)) == checksum else {
      throw VecError(.manifestDamaged, "the sample of queries of generation \(generation) fails its checksum")
    }
    return vectors
  }

  static func sampleChecksum(_ generation: UInt64, _ count: UInt64, _ vectors: [Float]) -> UInt32 {
    var head = ByteWriter(reserving: 16)
    head.write(generation)
    head.write(count)
    var crc = CRC32C()
    crc.update(head.bytes)
    vectors.withUnsafeBytes { crc.update($0) }
    return crc.value
  }

  private static func damaged(_ delta: DeltaRow, _ what: String) -> VecError {
    VecError(.manifestDamaged, "the log of single writes (delta \(delta.number)) is damaged: \(what)")
  }

  private static func damaged(_ part: DeadRowsRow, _ what: String) -> VecError {
    VecError(.manifestDamaged, "part \(part.part) of the dead rows of segment \(part.segment) \(what)")
  }
}

extension LoggedWrite {
  /// Nil when a value is not what the format says.
  fileprivate init?(_ values: [SQLiteValue], dimension: Int) {
    guard case .integer(let sequence) = values[1], case .integer(let kindNumber) = values[2], kindNumber >= 0,
      let kind = Kind(rawValue: UInt64(kindNumber)), case .blob(let tokenBytes) = values[3],
      case .integer(let count) = values[4], (0...Int64(Limits.segmentRowsMax)).contains(count),
      case .blob(let content) = values[5]
    else { return nil }
    let rowBytes =
      switch kind {
      case .upsert, .upsertWithRecords: 8 + 4 * dimension
      case .delete: 8
      case .tokens: 24
      }
    let rowsEnd = Int(count) * rowBytes
    guard kind == .upsertWithRecords ? content.count > rowsEnd : content.count == rowsEnd else { return nil }
    var token: WriteToken?
    if !tokenBytes.isEmpty {
      guard tokenBytes.count == 16 else { return nil }
      token = tokenBytes.withUnsafeBytes { bytes in
        WriteToken(
          high: UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)),
          low: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
      }
    }
    self.init(
      sequence: UInt64(bitPattern: sequence), kind: kind, token: token, rowCount: Int(count), content: content)
    if kind == .upsertWithRecords, (try? records(dimension: dimension)) == nil { return nil }
  }
}

extension LoggedWrite {
  /// What the rows of an upsert have besides their vectors: one record per row, or none at all.
  package func records(dimension: Int) throws(VecError) -> [AttributeRecord] {
    guard kind == .upsertWithRecords else { return [] }
    return try content.withUnsafeBufferPointer { (bytes) throws(VecError) in
      let tail = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[(rowCount * (8 + 4 * dimension))...])
      var reader = ByteReader(tail, code: .manifestDamaged, context: "records of a logged write")
      let records = try AttributeRecord.read(&reader, count: rowCount)
      try reader.finish()
      return records
    }
  }
}
