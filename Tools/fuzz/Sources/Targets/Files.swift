import VecCore
import VecFiles

// The files of the model side: whatever stands in them, reading ends with rows or with one clear error.
extension FuzzTarget {
  private static let file = MemoryFile()
  private static let idFile = MemoryFile()
  private static let refusals: Set<VecErrorCode> = [.malformedFile]

  static let npy = FuzzTarget(name: "npy", lengthMax: 512) { _ in
    let shapes = [("<f4", "(2, 3)", 24), ("<f2", "(4, 1)", 8), ("<f8", "(1, 2)", 16), ("<f4", "(0, 5)", 0), (">f4", "(1, 1)", 4)]
    return shapes.map { npyBytes($0.0, $0.1, $0.2) } + [npyBytes("<f4", "(3,)", 12), npyBytes("<i8", "(2, 2)", 32)]
  } run: { input in
    file.put(input)
    readRows { () throws(VecError) in try NpySource(stream: try ByteStream(path: file.path), ids: nil) }
  }

  /// Ids beside two rows of fvecs.
  static let npyIds = FuzzTarget(name: "npy-ids", lengthMax: 512) { _ in
    [("<u8", 16), ("<i8", 16), ("<u4", 8), ("<i4", 8), ("<f4", 8)].map { npyBytes($0.0, "(2,)", $0.1) }
  } run: { input in
    idFile.put(input)
    [UInt8]([1, 0, 0, 0, 0, 0, 0x80, 0x3F, 1, 0, 0, 0, 0, 0, 0x80, 0x3F]).withUnsafeBytes { file.put($0) }
    readRows { () throws(VecError) in
      try FvecsSource(stream: try ByteStream(path: file.path), ids: try IDSource(path: idFile.path))
    }
    // The same bytes as values that come without vectors.
    let decoded = accepted(refusals) { () throws(VecError) in try NpyValues(path: idFile.path) }
    guard let values = decoded, values.count <= 1_024 else { return }
    let read = accepted(refusals) { () throws(VecError) in try values.next(values.count) }
    if let read { demand(read.count == values.count, "\(read.count) values of \(values.count)") }
  }

  /// Query vectors: a flag for interests, then the npy file.
  static let queries = FuzzTarget(name: "queries", lengthMax: 512) { _ in
    [[0] + npyBytes("<f4", "(2, 3)", 24), [1] + npyBytes("<f4", "(1, 2, 3)", 24), [1] + npyBytes("<f2", "(2, 8, 1)", 32)]
  } run: { input in
    var choices = Choices(input)
    let hasInterests = choices.byte() & 1 == 1
    file.put(choices.rest)
    let decoded = accepted(refusals) { () throws(VecError) in try QuerySource(path: file.path, hasInterests: hasInterests) }
    guard let source = decoded else { return }
    var count = 0
    let isWhole: Void? = accepted(refusals) { () throws(VecError) in
      while let block = try source.next(limit: 3) {
        demand(block.firstQuery == count && (1...3).contains(block.queryCount), "a block of no or too many queries")
        demand(block.vectors.count == block.queryCount * source.interests * source.dimension, "a block of another length")
        count += block.queryCount
      }
    }
    if isWhole != nil { demand(count == source.queryCount, "\(count) queries of \(source.queryCount)") }
  }

  static let fvecs = FuzzTarget(name: "fvecs", lengthMax: 256) { _ in
    [[], [2, 0, 0, 0, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 2, 0, 0, 0, 0, 0, 0x80, 0xBF, 0, 0, 0, 0], [1, 0, 0, 0, 1, 2, 3, 4]]
  } run: { input in
    file.put(input)
    readRows { () throws(VecError) in try FvecsSource(stream: try ByteStream(path: file.path), ids: nil) }
  }

  static let jsonl = FuzzTarget(name: "jsonl", lengthMax: 512) { _ in
    [
      "{\"id\": 7, \"vector\": [0.25, -1]}\n{\"id\": 18446744073709551615, \"vector\": [1e38, 2.5E-3]}\n",
      "{\"vector\":[1],\"id\":0}", "\n \t\r\n", "{\"id\": 1, \"vector\": [1], \"a\\\"b\": 2}", "{}", "\u{FEFF}{\"id\":1}",
    ].map { Array($0.utf8) }
  } run: { input in
    file.put(input)
    readRows { () throws(VecError) in try JsonlSource(stream: try ByteStream(path: file.path)) }
  }

  private static func readRows(_ open: () throws(VecError) -> any VectorSource) {
    guard let source = accepted(refusals, open) else { return }
    var count = 0
    let isWhole: Void? = accepted(refusals) { () throws(VecError) in
      while let block = try source.nextBlock() {
        guard let dimension = source.dimension, !block.ids.isEmpty else { return demand(false, "rows without a dimension") }
        let values =
          switch block.elements {
          case .f32(let values): values.count
          case .f16(let bits): bits.count
          }
        demand(values == block.ids.count * dimension, "\(values) values for \(block.ids.count) rows of \(dimension)")
        count += block.ids.count
      }
    }
    if isWhole != nil, let told = source.rowCount { demand(count == told, "\(count) rows of \(told)") }
  }

  private static func npyBytes(_ type: String, _ shape: String, _ byteCount: Int) -> [UInt8] {
    let text = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
      + (0..<byteCount).map { UInt8($0 % 60) }
  }
}
