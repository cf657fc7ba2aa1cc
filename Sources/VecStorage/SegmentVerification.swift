internal import VecCore

/// Reads every byte of an open segment and holds it against the format. A sound checksum is not taken for sense: ids,
/// order, vectors and norms are checked for what the search relies on.
struct SegmentVerification {
  let file: OpenFile
  let structure: SegmentStructure
  /// Is told the bytes read since the last call.
  let progress: (Int) -> Void
  /// Is told of each finding; throws to stop at the first.
  let damage: (VecError) throws(VecError) -> Void

  private var header: SegmentHeader { structure.header }

  func run() throws(VecError) {
    guard try SegmentStructure(reading: file) == structure else {
      throw VecError(.segmentDamaged, "\(file.path): header or directory changed since the file was opened")
    }
    progress(SegmentFormat.headerBytes + SegmentFormat.trailerBytes + structure.trailer.directoryLength)
    try checkPadding()
    let reader = BlockReader(file, header.uuid)
    let ids = try decodeIDs(reader)
    for section in structure.sections {
      switch section.kind {
      case .ids: break
      case .vectors: try checkVectors(section, reader)
      case .idOrder: try checkOrder(section, reader, ids)
      case .inverseNorms: try checkInverseNorms(section, reader)
      case .lists, .graph, .calibration, .attributes, .payload, .stringIDs, .valueOrder:
        try checkBlocks(section, reader)
      }
    }
  }

  private func checkPadding() throws(VecError) {
    for section in structure.sections {
      let count = SegmentFormat.align(section.end) - section.end
      let padding = try file.bytes(count, at: section.end)
      if let place = padding.firstIndex(where: { $0 != 0 }) {
        try damage(failure("padding after section \(section.kind.name): byte \(section.end + place) is not 0"))
      }
      progress(count)
    }
  }

  /// Nil when a block of them is damaged.
  private func decodeIDs(_ reader: BlockReader) throws(VecError) -> [UInt64]? {
    guard let section = structure[.ids] else { return nil }
    var decoder = IDCodec.Decoder(count: header.rowCount, context: file.path)
    let isSound = try reader.forEachBlock(of: section, progress: progress, damage: damage) {
      (_, bytes) throws(VecError) in try decoder.decode(bytes)
    }
    guard isSound else { return nil }
    do throws(VecError) { try decoder.finish() } catch {
      try damage(error)
      return nil
    }
    return decoder.ids
  }

  private func checkVectors(_ section: SectionEntry, _ reader: BlockReader) throws(VecError) {
    _ = try reader.forEachBlock(of: section, progress: progress, damage: damage) {
      (number, bytes) throws(VecError) in
      let isFinite =
        switch header.elementType {
        case .f32: bytes.bindMemory(to: UInt32.self).allBelow(0x7F80_0000)
        case .f16: bytes.bindMemory(to: UInt16.self).allBelow(0x7C00)
        case .bf16: bytes.bindMemory(to: UInt16.self).allBelow(0x7F80)
        }
      guard isFinite else { throw failure("section vectors, block \(number): a component is not finite") }
    }
  }

  /// Strictly ascending ids at rows in range: so no row and no id comes twice, and every row comes once.
  private func checkOrder(_ section: SectionEntry, _ reader: BlockReader, _ ids: [UInt64]?) throws(VecError) {
    var previous: UInt64?
    _ = try reader.forEachBlock(of: section, progress: progress, damage: damage) {
      (number, bytes) throws(VecError) in
      guard let ids else { return }
      for row in bytes.bindMemory(to: UInt32.self) {
        guard Int(row) < ids.count else {
          throw failure("section id order, block \(number): row \(row) of \(ids.count)")
        }
        let id = ids[Int(row)]
        if let previous, previous >= id {
          throw failure("section id order, block \(number): id \(id) of row \(row) comes after id \(previous)")
        }
        previous = id
      }
    }
  }

  private func checkInverseNorms(_ section: SectionEntry, _ reader: BlockReader) throws(VecError) {
    _ = try reader.forEachBlock(of: section, progress: progress, damage: damage) {
      (number, bytes) throws(VecError) in
      let isSound = bytes.bindMemory(to: Float.self).allSatisfy { $0 > 0 && $0.isFinite }
      guard isSound else {
        throw failure("section inverse norms, block \(number): a value is not a positive finite number")
      }
    }
  }

  /// Of these sections the checksums are all that can be checked here; VecIndex and VecAttributes check what they decode.
  private func checkBlocks(_ section: SectionEntry, _ reader: BlockReader) throws(VecError) {
    _ = try reader.forEachBlock(of: section, progress: progress, damage: damage) { (_, _) throws(VecError) in }
  }

  private func failure(_ what: String) -> VecError { VecError(.segmentDamaged, "\(file.path): \(what)") }
}

extension UnsafeBufferPointer where Element: FixedWidthInteger & UnsignedInteger {
  /// Whether all values are below `limit` once the sign bit is cleared. One pass without a branch, so it vectorises.
  fileprivate func allBelow(_ limit: Element) -> Bool {
    let magnitude = Element.max >> 1
    var greatest: Element = 0
    for value in self { greatest = Swift.max(greatest, value & magnitude) }
    return greatest < limit
  }
}
