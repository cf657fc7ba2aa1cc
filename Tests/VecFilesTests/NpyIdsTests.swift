import Testing
import VecCore
import VecFiles

@Suite("npy ids") struct NpyIdsTests {
  let scratch = Scratch()

  private var vectors: String { scratch.file("a.npy", npy("'<f4'", "(3, 1)", [1, 2, 3] as [Float])) }

  @Test("all four integer types are read, unsigned ones to their end")
  func types() throws {
    let max64 = scratch.file("u8.npy", npy("'<u8'", "(3,)", [0, 1 << 63, .max] as [UInt64]))
    #expect(try drain(vectors, ids: max64).ids == [0, 1 << 63, .max])
    let max32 = scratch.file("u4.npy", npy("'<u4'", "(3,)", [5, 0, .max] as [UInt32]))
    #expect(try drain(vectors, ids: max32).ids == [5, 0, 4_294_967_295])
    let signed64 = scratch.file("i8.npy", npy("'<i8'", "(3,)", [5, 0, .max] as [Int64]))
    #expect(try drain(vectors, ids: signed64).ids == [5, 0, 9_223_372_036_854_775_807])
    let signed32 = scratch.file("i4.npy", npy("'<i4'", "(3,)", [5, 0, .max] as [Int32]))
    #expect(try drain(vectors, ids: signed32).ids == [5, 0, 2_147_483_647])
  }

  @Test("a negative id is refused with its row")
  func negative() {
    let ids = scratch.file("ids.npy", npy("'<i8'", "(3,)", [5, -1, 7] as [Int64]))
    #expect(failure(vectors, ids: ids)?.message == "\(ids): the id of row 1 is -1, ids must be 0 or more")
  }

  @Test("another number of ids than rows is refused at once")
  func length() {
    let ids = scratch.file("ids.npy", npy("'<u8'", "(2,)", [5, 7] as [UInt64]))
    #expect(failure(vectors, ids: ids)?.message.contains("holds 2 ids, must be 3") == true)
  }

  @Test("float ids, two-dimensional ids and cut ids are refused")
  func wrong() {
    let floats = scratch.file("f.npy", npy("'<f8'", "(3,)", [5, 7, 8] as [Double]))
    #expect(failure(vectors, ids: floats)?.message.contains("ids.astype(np.uint64)") == true)
    let square = scratch.file("s.npy", npy("'<u8'", "(3, 1)", [5, 7, 8] as [UInt64]))
    #expect(failure(vectors, ids: square)?.message.contains("must be (rows,)") == true)
    let cut = scratch.file("c.npy", npy("'<u8'", "(3,)", [5, 7] as [UInt64]))
    #expect(failure(vectors, ids: cut)?.message.contains("1 are missing") == true)
    #expect(failure(vectors, ids: "\(scratch.path)/none.npy")?.code == .fileNotFound)
  }

  @Test("ids without vectors come in blocks, to their end and no further")
  func blocks() throws {
    let ids = try NpyIds(path: scratch.file("ids.npy", npy("'<i4'", "(5,)", [1, 2, 3, 4, 5] as [Int32])))
    #expect(ids.rowCount == 5)
    #expect(try ids.nextBlock(limit: 2) == [1, 2])
    #expect(try ids.nextBlock(limit: 100) == [3, 4, 5])
    #expect(try ids.nextBlock(limit: 1) == nil)
    #expect(try NpyIds(path: scratch.file("none.npy", npy("'<u8'", "(0,)", [] as [UInt64]))).nextBlock(limit: 9) == nil)
  }

  @Test("ids beside JSON lines are refused")
  func jsonLines() {
    let lines = scratch.file("a.jsonl", text: "{\"id\": 1, \"vector\": [1]}\n")
    #expect(failure(lines, ids: vectors)?.code == .invalidArgument)
  }
}
