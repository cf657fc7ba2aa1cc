import Testing
import VecCore
import VecFiles

@Suite("fvecs") struct FvecsTests {
  let scratch = Scratch()

  private func fvecs(_ rows: [[Float]]) -> [UInt8] {
    var writer = ByteWriter()
    for row in rows {
      writer.write(Int32(row.count))
      writer.write(array: row)
    }
    return writer.bytes
  }

  @Test("rows are read, numbered from 0 or named by ids")
  func rows() throws {
    let path = scratch.file("a.fvecs", fvecs([[1, 2], [3, 4], [5, .nan]]))
    let all = try drain(path)
    #expect(all.values[..<5] == [1, 2, 3, 4, 5])
    #expect(all.values[5].isNaN)
    #expect(all.ids == [0, 1, 2])
    let ids = scratch.file("ids.npy", npy("'<u4'", "(3,)", [9, 8, 7] as [UInt32]))
    #expect(try drain(path, ids: ids).ids == [9, 8, 7])
  }

  @Test("a file longer than one block joins to the whole")
  func blocks() throws {
    let rows = (0..<30_000).map { row in (0..<50).map { Float(row * 50 + $0) } }
    let all = try drain(scratch.file("a.fvecs", fvecs(rows)))
    #expect(all.values == Array(rows.joined()))
    #expect(all.ids.last == 29_999)
  }

  @Test("a file cut at any byte but a row's end is refused")
  func truncation() {
    let bytes = fvecs([[1, 2, 3], [4, 5, 6]])
    for length in 1..<bytes.count where length != 16 {
      #expect(failure(scratch.file("a.fvecs", Array(bytes[..<length])))?.code == .malformedFile, "\(length) bytes")
    }
  }

  @Test("rows of different dimensions are refused with the row")
  func disagreeing() {
    // Of the same total length as three rows of two, so only the second dimension tells.
    let bytes = fvecs([[1, 2]]) + fvecs([[1, 2, 3, 4, 5]])
    let message = failure(scratch.file("a.fvecs", bytes))?.message
    #expect(message?.contains("row 1 has 5 dimensions, row 0 has 2") == true)
  }

  @Test("a dimension outside the limits is refused", arguments: [0, -1, 4097, .max] as [Int32])
  func dimensions(dimension: Int32) {
    var writer = ByteWriter()
    writer.write(dimension)
    writer.write(array: [0, 0] as [Float])
    #expect(failure(scratch.file("a.fvecs", writer.bytes))?.message.contains("must be 1 to 4096") == true)
  }

  @Test("an empty file has no rows")
  func empty() throws {
    #expect(try drain(scratch.file("a.fvecs", [])) == Drained(dimension: nil))
  }
}
