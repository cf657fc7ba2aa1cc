import Glibc
import Testing
import VecCore
import VecStorage

@Suite("The row spool")
struct RowSpoolTests {
  @Test("what was appended in any pieces is read back in any blocks, twice", arguments: [1, 2] as [UInt64])
  func roundTrip(seed: UInt64) throws {
    let scratch = ScratchDirectory()
    let store = try StoreDirectory(path: scratch.path, create: true)
    let spool = try RowSpool(directory: store)
    var random = SplitMix64(seed: seed)
    var truth: [UInt8] = []
    for _ in 0..<60 {
      let limit: UInt64 = random.next() % 4 == 0 ? 600_000 : 3_000
      let piece = (0..<(random.next() % limit)).map { UInt8(truncatingIfNeeded: $0) }
      try piece.passed { (raw) throws(VecError) in try spool.append(raw) }
      truth += piece
    }
    #expect(spool.byteCount == truth.count)
    for blockSize in [1 << 18, 4_097, truth.count + 1] {
      var seen: [UInt8] = []
      var sizes: Set<Int> = []
      try spool.readBack(blockSize: blockSize) { (block) throws(VecError) in
        seen += block
        sizes.insert(block.count)
      }
      #expect(seen == truth)
      #expect(sizes.subtracting([blockSize, truth.count % blockSize]).isEmpty)
    }
    try truth.passed { (raw) throws(VecError) in try spool.append(raw) }
    #expect(spool.byteCount == 2 * truth.count)
  }

  @Test("it has no name, so a crash leaves nothing")
  func nameless() throws {
    let scratch = ScratchDirectory()
    let store = try StoreDirectory(path: scratch.path, create: true)
    let spool = try RowSpool(directory: store)
    try [UInt8](repeating: 1, count: 1 << 20).passed { (raw) throws(VecError) in try spool.append(raw) }
    #expect(rmdir(store.path + "/segments") == 0)
    var count = 0
    try spool.readBack { (block) throws(VecError) in count += block.count }
    #expect(count == 1 << 20)
  }

  @Test("an empty spool reads back nothing, and a block size of 0 is a defect")
  func empty() throws {
    let scratch = ScratchDirectory()
    let spool = try RowSpool(directory: try StoreDirectory(path: scratch.path, create: true))
    try spool.readBack { (_) throws(VecError) in Issue.record("a block of an empty spool") }
    #expect(SegmentWriterTests.code { try spool.readBack(blockSize: 0) { (_) throws(VecError) in } } == .internalDefect)
  }
}
