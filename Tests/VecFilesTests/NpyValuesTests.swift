import Testing
import VecCore
import VecFiles

@Suite("npy values") struct NpyValuesTests {
  let scratch = Scratch()

  private func code(_ bytes: [UInt8], taking count: Int = 3) -> (code: VecErrorCode, message: String)? {
    do throws(VecError) {
      _ = try NpyValues(path: scratch.file("v.npy", bytes)).next(count)
      return nil
    } catch { return (error.code, error.message) }
  }

  @Test("all three types of floats are read as float32, in pieces, to their end and no further")
  func types() throws {
    let single = try NpyValues(path: scratch.file("f4.npy", npy("'<f4'", "(5,)", [1, -2.5, 3, 4, 5] as [Float])))
    #expect(single.count == 5)
    #expect(try single.next(2) == [1, -2.5] && single.next(0) == [] && single.next(3) == [3, 4, 5])
    #expect(throws: VecError.self) { try single.next(1) }
    let double = try NpyValues(path: scratch.file("f8.npy", npy("'<f8'", "(2,)", [0.1, -1e-300] as [Double])))
    #expect(try double.next(2) == [0.1, 0])
    let half = try NpyValues(path: scratch.file("f2.npy", npy("'<f2'", "(2,)", [0x3C00, 0xC100] as [UInt16])))
    #expect(try half.next(2) == [1, -2.5])
    #expect(try NpyValues(path: scratch.file("none.npy", npy("'<f4'", "(0,)", [] as [Float]))).next(0) == [])
  }

  @Test("what is no column of floats is refused, and told what it must be")
  func refused() throws {
    let integers = try #require(code(npy("'<i8'", "(3,)", [1, 2, 3] as [Int64])))
    #expect(integers.code == .malformedFile && integers.message.contains("values must be float32"))
    let table = try #require(code(npy("'<f4'", "(3, 1)", [1, 2, 3] as [Float])))
    #expect(table.code == .malformedFile && table.message.contains("must be (rows,)"))
    let wide = try #require(code(npy("'<f8'", "(3,)", [1, 1e39, 3] as [Double])))
    #expect(wide.code == .malformedFile && wide.message.contains("row 1") && wide.message.contains("does not fit float32"))
    let whole = npy("'<f4'", "(3,)", [1, 2, 3] as [Float])
    for cut in stride(from: 0, to: whole.count, by: 3) { #expect(code(Array(whole[..<cut]))?.code == .malformedFile) }
    #expect(code(whole + [0])?.code == .malformedFile)
  }
}
