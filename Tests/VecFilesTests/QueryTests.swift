import Testing
import VecCore
import VecFiles

@Suite("query files and result files") struct QueryTests {
  let scratch = Scratch()

  private func error(_ path: String, interests: Bool) -> VecError? {
    do throws(VecError) {
      _ = try QuerySource(path: path, hasInterests: interests)
      return nil
    } catch {
      return error
    }
  }

  @Test("queries come in the portions asked for, float16 widened")
  func portions() throws {
    let source = try QuerySource(
      path: scratch.file("q.npy", npy("'<f2'", "(5, 1)", [0x3C00, 0x4000, 0x4200, 0x4400, 0x4500] as [UInt16])),
      hasInterests: false)
    #expect(source.queryCount == 5)
    #expect(source.dimension == 1)
    var seen: [[Float]] = []
    while let block = try source.next(limit: 2) {
      #expect(block.firstQuery == seen.count * 2)
      seen.append(block.vectors)
    }
    #expect(seen == [[1, 2], [3, 4], [5]])
  }

  @Test("several vectors per user need three dimensions and at most eight of them")
  func interests() throws {
    let cube = scratch.file("q.npy", npy("'<f4'", "(2, 3, 1)", [1, 2, 3, 4, 5, 6] as [Float]))
    let source = try QuerySource(path: cube, hasInterests: true)
    #expect(source.interests == 3)
    #expect(try source.next(limit: 10)?.vectors == [1, 2, 3, 4, 5, 6])
    #expect(error(cube, interests: false)?.message.contains("--interests") == true)
    let square = scratch.file("s.npy", npy("'<f4'", "(2, 3)", [1, 2, 3, 4, 5, 6] as [Float]))
    #expect(error(square, interests: true)?.message.contains("(users, interests, dimension)") == true)
    let nine = scratch.file("n.npy", npy("'<f4'", "(1, 9, 1)", [Float](repeating: 0, count: 9)))
    #expect(error(nine, interests: true)?.message.contains("1 to 8") == true)
  }

  @Test("a written file is read back, starts its data at a multiple of 64 and has no temporary left")
  func writer() throws {
    let path = "\(scratch.path)/out.npy"
    let writer = try NpyWriter(path: path, type: .f4, shape: [2, 3])
    try writer.append([1, 2, 3] as [Float])
    #expect(failure(path)?.code == .fileNotFound)
    try writer.append([4, 5, .nan] as [Float])
    try writer.finish()
    let all = try drain(path)
    #expect(all.values[..<5] == [1, 2, 3, 4, 5])
    #expect(try ByteStream(path: path).byteCount.map { ($0 - 24) % 64 } == 0)
  }

  @Test("a writer that is given up leaves nothing")
  func abandoned() throws {
    let path = "\(scratch.path)/out.npy"
    do {
      let writer = try NpyWriter(path: path, type: .i8, shape: [2])
      try writer.append([1] as [Int64])
    }
    #expect(failure(path)?.code == .fileNotFound)
    let missing = "\(scratch.path)/no/folder/out.npy"
    #expect(throws: VecError.self) { _ = try NpyWriter(path: missing, type: .i8, shape: [2]) }
  }
}
