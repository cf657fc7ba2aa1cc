package import VecCore

/// Reads parts of a section of a segment by their places, each block's checksum first. For any number of threads.
package final class SectionReader: Sendable {
  private let file: OpenFile
  private let uuid: UUID
  private let section: SectionEntry
  /// Of the blocks, in the file.
  private let offsets: [Int]

  init(_ file: OpenFile, _ uuid: UUID, _ section: SectionEntry) {
    self.file = file
    self.uuid = uuid
    self.section = section
    var offsets: [Int] = []
    offsets.reserveCapacity(section.blocks.count)
    var next = section.offset
    for block in section.blocks {
      offsets.append(next)
      next += Int(block.storedLength)
    }
    self.offsets = offsets
  }

  /// Raw bytes of the section.
  package var byteCount: Int { section.rawLength }

  /// Bytes of memory that the places of the blocks take.
  package var memoryByteCount: Int { 8 * offsets.count }

  /// The raw bytes of some ranges, in the order of the ranges; blocks that several of them need are read once.
  ///
  /// - Throws: `segment-damaged` for a bad block, `io-error`, `internal-defect` for a range beyond the section.
  package func read(_ ranges: [Range<Int>]) throws(VecError) -> [[UInt8]] {
    let blocks = BlockReader(file, uuid, blockBytes: section.kind.blockBytes)
    var parts = [[UInt8]](repeating: [], count: ranges.count)
    var held: (number: Int, bytes: UnsafeRawBufferPointer)?
    for place in ranges.indices.sorted(by: { ranges[$0].lowerBound < ranges[$1].lowerBound }) {
      let range = ranges[place]
      guard range.lowerBound >= 0, range.upperBound <= byteCount else {
        throw VecError(.internalDefect, "section \(section.kind.name): bytes \(range) of \(byteCount)")
      }
      parts[place].reserveCapacity(range.count)
      var next = range.lowerBound
      while next < range.upperBound {
        let number = next / section.kind.blockBytes
        if held?.number != number {
          held = (number, try blocks.block(number, section.blocks[number], of: section, at: offsets[number]))
        }
        guard let held else { break }
        let start = number * section.kind.blockBytes
        let end = min(range.upperBound, start + held.bytes.count)
        parts[place].append(contentsOf: held.bytes[(next - start)..<(end - start)])
        next = end
      }
    }
    return parts
  }
}
