internal import VecCore

/// Cuts a section's raw content into blocks and writes them one after the other.
final class BlockWriter {
  private let file: OpenFile
  private let uuid: UUID
  private var section: SectionEntry
  private let pending: Memory
  private let blockBytes: Int
  private var pendingCount = 0
  /// Only sections that are packed need room for it.
  private let packed: Memory?

  init(_ file: OpenFile, _ uuid: UUID, _ kind: SectionKind, at offset: Int) {
    self.file = file
    self.uuid = uuid
    section = SectionEntry(kind: kind, offset: offset, storedLength: 0, rawLength: 0, blocks: [])
    blockBytes = kind.blockBytes
    pending = Memory(blockBytes)
    packed = kind.encoding == .lz4 ? Memory(BlockCodec.packedBytesMax) : nil
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws(VecError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      if pendingCount == 0, rest.count >= blockBytes {
        try write(UnsafeRawBufferPointer(rebasing: rest.prefix(blockBytes)))
        rest = rest.dropFirst(blockBytes)
        continue
      }
      let piece = rest.prefix(blockBytes - pendingCount)
      UnsafeMutableRawBufferPointer(rebasing: pending.bytes[pendingCount...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: piece))
      pendingCount += piece.count
      rest = rest.dropFirst(piece.count)
      if pendingCount == blockBytes { try flush() }
    }
  }

  /// Writes what is left and returns the section's entry.
  func finish() throws(VecError) -> SectionEntry {
    if pendingCount > 0 { try flush() }
    return section
  }

  private func flush() throws(VecError) {
    try write(UnsafeRawBufferPointer(rebasing: pending.bytes[..<pendingCount]))
    pendingCount = 0
  }

  private func write(_ raw: UnsafeRawBufferPointer) throws(VecError) {
    let stored = packed.flatMap { BlockCodec.pack(raw, $0.bytes) } ?? raw
    let checksum = SegmentChecksum.ofBlock(section.blocks.count, of: section.kind, uuid, stored)
    try file.write(stored, at: section.end)
    section.blocks.append(BlockEntry(storedLength: UInt32(stored.count), checksum: checksum))
    section.storedLength += stored.count
    section.rawLength += raw.count
  }
}
