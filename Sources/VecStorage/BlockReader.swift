internal import VecCore

/// Reads sections of a segment block by block: checksum first, then unpacked. Memory is two blocks, whatever the file.
///
/// It reads with `pread`, not through the mapping: a bad sector is an error here and would be SIGBUS there.
final class BlockReader {
  private let file: OpenFile
  private let uuid: UUID
  private let stored: Memory
  private let raw: Memory

  /// - Parameter blockBytes: of the sections that will be read, at most.
  init(_ file: OpenFile, _ uuid: UUID, blockBytes: Int = Limits.blockBytes) {
    self.file = file
    self.uuid = uuid
    stored = Memory(blockBytes)
    raw = Memory(blockBytes)
  }

  /// Hands `body` the raw bytes of each sound block in order.
  ///
  /// - Parameters:
  ///   - damage: is told of each damaged block; it may throw to end the reading.
  ///   - progress: is told the stored bytes of each block.
  /// - Returns: whether all blocks were sound.
  func forEachBlock(
    of section: SectionEntry, progress: (Int) -> Void, damage: (VecError) throws(VecError) -> Void,
    _ body: (Int, UnsafeRawBufferPointer) throws(VecError) -> Void
  ) throws(VecError) -> Bool {
    var isSound = true
    var offset = section.offset
    for (number, entry) in section.blocks.enumerated() {
      let length = Int(entry.storedLength)
      var problem: VecError?
      do throws(VecError) {
        try body(number, try block(number, entry, of: section, at: offset))
      } catch {
        problem = error
      }
      if let problem {
        isSound = false
        try damage(problem)
      }
      offset += length
      progress(length)
    }
    return isSound
  }

  /// The raw bytes of a block, which are good until the next one is read.
  func block(
    _ number: Int, _ entry: BlockEntry, of section: SectionEntry, at offset: Int
  ) throws(VecError) -> UnsafeRawBufferPointer {
    let bytes = UnsafeMutableRawBufferPointer(rebasing: stored.bytes[..<Int(entry.storedLength)])
    guard try file.read(into: bytes, at: offset) == bytes.count else {
      throw failure("the file ends within it", number, section, offset)
    }
    let content = UnsafeRawBufferPointer(bytes)
    let checksum = SegmentChecksum.ofBlock(number, of: section.kind, uuid, content)
    guard checksum == entry.checksum else {
      let expected = SegmentChecksum.text(entry.checksum)
      throw failure(
        "its checksum is \(SegmentChecksum.text(checksum)), should be \(expected)", number, section, offset)
    }
    let rawLength = SegmentFormat.blockBytes(number, of: section.kind, section.rawLength)
    guard content.count != rawLength else { return content }
    let unpacked = UnsafeMutableRawBufferPointer(rebasing: raw.bytes[..<rawLength])
    guard BlockCodec.unpack(content, into: unpacked) else {
      throw failure("it does not unpack to \(rawLength) bytes", number, section, offset)
    }
    return UnsafeRawBufferPointer(unpacked)
  }

  private func failure(_ what: String, _ number: Int, _ section: SectionEntry, _ offset: Int) -> VecError {
    VecError(
      .segmentDamaged,
      "\(file.path): section \(section.kind.name), block \(number) of \(section.blocks.count) at offset \(offset): "
        + what)
  }
}
