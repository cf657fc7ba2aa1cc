import Testing
import VecCore
import VecFiles

@Suite("npy vectors") struct NpyTests {
  let scratch = Scratch()

  @Test("float32 is read as it is in all three versions, rows numbered from 0", arguments: [1, 2, 3] as [UInt8])
  func float32(version: UInt8) throws {
    let values: [Float] = [1, -2, 3.5, .nan, .infinity, 0]
    let all = try drain(scratch.file("a.npy", npy("'<f4'", "(3, 2)", values, version: version)))
    #expect(all.ids == [0, 1, 2])
    #expect(all.dimension == 2)
    #expect(all.values.map(\.bitPattern) == values.map(\.bitPattern))
  }

  @Test("float16 keeps its bits")
  func float16() throws {
    let bits: [UInt16] = [0x3C00, 0xC000, 0x7E00, 0x0001]
    let all = try drain(scratch.file("a.npy", npy("'<f2'", "(2, 2)", bits)))
    #expect(all.halves == bits)
    #expect(all.values.isEmpty)
  }

  @Test("float64 is rounded to float32, and refused where a finite value does not fit")
  func float64() throws {
    let all = try drain(scratch.file("a.npy", npy("'<f8'", "(1, 3)", [0.1, -1e-300, .infinity] as [Double])))
    #expect(all.values == [0.1, -0.0, .infinity])
    let error = failure(scratch.file("b.npy", npy("'<f8'", "(2, 2)", [0, 0, 0, 1e39] as [Double])))
    #expect(error?.code == .malformedFile)
    #expect(error?.message.contains("row 1, component 1: 1e+39 does not fit float32") == true)
  }

  @Test(
    "any other element type is refused with the numpy expression that converts",
    arguments: [
      ("'|i1'", "int8", "a.astype(np.float32)"), ("'>f4'", "big-endian", "a.astype(np.float32)"),
      ("'|O'", "Python objects", "np.stack(a)"), ("[('x', '<f4'), ('y', '<f4', (2,))]", "records", "a['FIELD']"),
      ("'|V2'", "bfloat16", "a.astype(np.float32)"), ("'<c8'", "<c8", "a.astype(np.float32)"),
      ("'|b1'", "|b1", "a.astype(np.float32)"), ("'<i8'", "<i8", "a.astype(np.float32)"),
      ("'<f16'", "<f16", "a.astype(np.float32)"),
    ])
  func otherTypes(descr: String, told: String, recipe: String) {
    let path = scratch.file("a.npy", npy(descr, "(1, 4)", [0, 0, 0, 0] as [Float]))
    let error = failure(path)
    #expect(error?.code == .malformedFile)
    #expect(error?.message.hasPrefix(path + ": ") == true)
    #expect(error?.message.contains(told) == true)
    #expect(error?.message.contains(recipe) == true)
  }

  @Test("Fortran order is refused with the way out, unless the array is a single row or column")
  func fortran() throws {
    let values: [Float] = [1, 2, 3, 4]
    let error = failure(scratch.file("a.npy", npy("'<f4'", "(2, 2)", values, fortran: "True")))
    #expect(error?.message.contains("np.ascontiguousarray(a)") == true)
    #expect(try drain(scratch.file("b.npy", npy("'<f4'", "(4, 1)", values, fortran: "True"))).values == values)
    #expect(try drain(scratch.file("c.npy", npy("'<f4'", "(1, 4)", values, fortran: "True"))).values == values)
  }

  @Test("no rows are no error")
  func empty() throws {
    let all = try drain(scratch.file("a.npy", npy("'<f4'", "(0, 64)", [] as [Float])))
    #expect(all == Drained(dimension: 64))
  }

  @Test("a file cut at any byte is refused, and says how many rows are missing once the header is whole")
  func truncation() throws {
    let bytes = npy("'<f4'", "(3, 2)", [1, 2, 3, 4, 5, 6] as [Float])
    #expect(failure(scratch.file("whole.npy", bytes)) == nil)
    for length in 0..<bytes.count {
      let error = failure(scratch.file("cut.npy", Array(bytes[..<length])))
      #expect(error?.code == .malformedFile, "\(length) bytes")
      let present = (length - (bytes.count - 24)) / 8
      guard length >= bytes.count - 24 else { continue }
      #expect(error?.message.contains("\(3 - present) are missing") == true, "\(length) bytes")
    }
  }

  @Test("bytes after the last row are refused")
  func surplus() {
    let bytes = npy("'<f4'", "(1, 2)", [1, 2, 3] as [Float])
    #expect(failure(scratch.file("a.npy", bytes))?.message.contains("4 bytes are left over") == true)
  }

  @Test(
    "a shape that is not (rows, dimension) within the limits is refused before anything is allocated",
    arguments: [
      "()", "(4,)", "(1, 2, 2)", "(4, 0)", "(1, 4097)", "(9223372036854775807, 4)", "(4611686018427387904, 4096)",
      "(2, 9223372036854775807)", "(9223372036854775808, 1)", "(-1, 4)", "(1e3, 4)", "(4 4)", "(2, 2", "[2, 2]",
      "(" + String(repeating: "1, ", count: 33) + ")",
    ])
  func shapes(shape: String) {
    let error = failure(scratch.file("a.npy", npy("'<f4'", shape, [0, 0, 0, 0] as [Float])))
    #expect(error?.code == .malformedFile)
  }

  @Test(
    "a header outside its closed grammar is refused",
    arguments: [
      "", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False}",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 2)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), 'descr': '<f4'}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), 'extra': 1}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)} + exit()",
      "{'descr': '<f4, 'fortran_order': False, 'shape': (2, 2)}", "{'descr': [[[", "{'descr': '<f4'",
      "__import__('os').system('true')",
    ])
  func headers(text: String) {
    let error = failure(scratch.file("a.npy", npy(header: text, [0, 0, 0, 0] as [Float])))
    #expect(error?.code == .malformedFile)
    #expect(error?.message.contains("npy header") == true)
  }

  @Test("headers as numpy variants write them are read")
  func headerVariants() throws {
    for text in [
      "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2L, 2L)}",
      "{'shape':(2,2),'fortran_order':False,'descr':'<f4',}      ",
    ] {
      let all = try drain(scratch.file("a.npy", npy(header: text, [1, 2, 3, 4] as [Float])))
      #expect(all.values == [1, 2, 3, 4])
    }
  }

  @Test("a foreign file says what it looks like")
  func foreign() {
    let newer = npy("'<f4'", "(1, 1)", [0] as [Float], version: 4)
    for (name, bytes, told) in [
      ("a.npy", Array("PK\u{3}\u{4}rest of a zip".utf8), "zip archive"),
      ("a.npy", Array("hello world".utf8), "68 65 6c 6c"), ("a.npy", [], "is empty"), ("a.npy", newer, "4.0"),
      ("a.bin", Array("hello world".utf8), ".npy, .fvecs or .jsonl"),
    ] {
      #expect(failure(scratch.file(name, bytes))?.message.contains(told) == true, "\(told)")
    }
  }

  @Test("an npy file of another name is known by its first bytes")
  func sniffed() throws {
    #expect(try drain(scratch.file("a.dat", npy("'<f4'", "(1, 1)", [7] as [Float]))).values == [7])
  }

  @Test("a header that claims more than the limit is refused")
  func longHeader() {
    let huge: [UInt8] = NpyHeader.magic + [2, 0, 0xFF, 0xFF, 0xFF, 0x7F, 0]
    #expect(failure(scratch.file("a.npy", huge))?.message.contains("claims 2147483647 bytes") == true)
  }

  @Test("a missing file and a folder are file-not-found")
  func missing() {
    #expect(failure("\(scratch.path)/none.npy")?.code == .fileNotFound)
    #expect(failure(scratch.path)?.code == .fileNotFound)
  }

  @Test("blocks of a large file join to the whole")
  func blocks() throws {
    let (rows, dimension) = (40_000, 33)
    let values = (0..<(rows * dimension)).map { Float($0) }
    let ids = (0..<rows).map { UInt64.max - UInt64($0) }
    let path = scratch.file("a.npy", npy("'<f4'", "(\(rows), \(dimension))", values))
    let all = try drain(path, ids: scratch.file("ids.npy", npy("'<u8'", "(\(rows),)", ids)))
    #expect(all.values == values)
    #expect(all.ids == ids)
  }

  @Test("no random change of a file traps", arguments: 1...20)
  func randomChanges(seed: Int) {
    var random = SplitMix64(seed: UInt64(seed))
    let good = npy("'<f4'", "(3, 2)", [1, 2, 3, 4, 5, 6] as [Float])
    for _ in 0..<100 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let error = failure(scratch.file("a.npy", bytes))
      #expect(error == nil || error?.code == .malformedFile, "seed \(seed)")
    }
  }
}
