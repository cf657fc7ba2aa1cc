import VecCore

extension FuzzTarget {
  /// The control: a decoder with the fault that the others must not have, a count that is believed. `Tools/fuzz/run`
  /// demands that it is found before it believes that nothing else was.
  static let planted = FuzzTarget(name: "planted", lengthMax: 64) { _ in
    [Array("VECD".utf8) + [1, 2, 3]]
  } run: { input in
    _ = accepted([.malformedFrame]) { () throws(VecError) in
      var reader = ByteReader(input, code: .malformedFrame, context: "planted")
      guard try reader.read(UInt32.self) == 0x4443_4556 else { throw reader.failure("no magic") }
      guard try reader.read(UInt8.self) == 0x2A else { throw reader.failure("another kind") }
      let count = Int(try reader.read(UInt8.self))
      let values = Array(input.dropFirst(6))
      return (0..<count).reduce(0) { $0 &+ Int(values[$1]) }
    }
  }
}
