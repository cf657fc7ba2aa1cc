import Testing
import VecCore

@Suite("Reading bytes from outside")
struct ByteReaderTests {
  /// One of each: what `write` writes, in an order that a truncation can cut anywhere.
  static func sample() -> [UInt8] {
    var writer = ByteWriter()
    writer.write(0xAB as UInt8)
    writer.write(0x1234 as UInt16)
    writer.write(0xDEAD_BEEF as UInt32)
    writer.write(0x0123_4567_89AB_CDEF as UInt64)
    writer.write(Int64.min)
    writer.write(Float(1.5))
    writer.write(true)
    writer.write(string: "häuser")
    writer.write(text: "二塔")
    writer.write(array: [1, -2, 3] as [Float])
    writer.write(bytes: [9, 8, 7])
    return writer.bytes
  }

  static func readSample(_ bytes: [UInt8]) throws(VecError) {
    let result: Result<Void, VecError> = bytes.withUnsafeBytes { raw in
      do throws(VecError) {
        var reader = ByteReader(raw, code: .malformedFrame, context: "sample")
        #expect(try reader.read(UInt8.self) == 0xAB)
        #expect(try reader.read(UInt16.self) == 0x1234)
        #expect(try reader.read(UInt32.self) == 0xDEAD_BEEF)
        #expect(try reader.read(UInt64.self) == 0x0123_4567_89AB_CDEF)
        #expect(try reader.read(Int64.self) == .min)
        #expect(try reader.readFloat() == 1.5)
        #expect(try reader.readBool())
        #expect(try reader.readString() == "häuser")
        #expect(try reader.readText() == "二塔")
        #expect(try reader.readArray(Float.self, count: 3) == [1, -2, 3])
        #expect(try reader.readBytes(3).elementsEqual([9, 8, 7]))
        return .success(try reader.finish())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  @Test("what was written is read")
  func roundTrip() throws { try Self.readSample(Self.sample()) }

  @Test("every truncation is refused with the caller's code and the place, and none traps")
  func truncations() {
    let bytes = Self.sample()
    for length in 0..<bytes.count {
      do throws(VecError) {
        try Self.readSample(Array(bytes[..<length]))
        Issue.record("\(length) of \(bytes.count) bytes were enough")
      } catch {
        #expect(error.code == .malformedFrame && error.message.hasPrefix("sample: ends early"))
      }
    }
    #expect(throws: VecError.self) { try Self.readSample(bytes + [0]) }
  }

  @Test("counts that overflow, are negative or exceed the input are refused before anything is allocated")
  func counts() {
    let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    bytes.withUnsafeBytes { raw in
      for count in [-1, 3, .max, .min, Int.max / 4 + 1, Int.max / 8 + 1, Int.min / 4] {
        var reader = ByteReader(raw, code: .malformedFrame, context: "counts")
        #expect(throws: VecError.self) { try reader.readArray(UInt32.self, count: count) }
        #expect(reader.remaining == 8)
      }
      for count in [-1, 9, .max, .min] {
        var reader = ByteReader(raw, code: .malformedFrame, context: "counts")
        #expect(throws: VecError.self) { try reader.readBytes(count) }
      }
    }
  }

  @Test("text that is not UTF-8 and flags that are not 0 or 1 are refused")
  func content() {
    for bytes in [[2, 0, 0xC3, 0x28], [1, 0, 0xFF], [3, 0, 0xED, 0xA0, 0x80]] as [[UInt8]] {
      bytes.withUnsafeBytes { raw in
        var reader = ByteReader(raw, code: .malformedFrame, context: "content")
        #expect(throws: VecError.self) { try reader.readString() }
      }
    }
    ([2] as [UInt8]).withUnsafeBytes { raw in
      var reader = ByteReader(raw, code: .malformedFrame, context: "content")
      #expect(throws: VecError.self) { try reader.readBool() }
    }
  }

  @Test("a string beyond 65,535 bytes is cut at a character, never in one")
  func longString() throws {
    for text in [String(repeating: "é", count: 40_000), String(repeating: "x", count: 65_536), "short"] {
      var writer = ByteWriter()
      writer.write(string: text)
      let read = try writer.bytes.withUnsafeBytes { raw in
        var reader = ByteReader(raw, code: .malformedFrame, context: "string")
        let read = try reader.readString()
        try reader.finish()
        return read
      }
      #expect(text.hasPrefix(read) && (read == text || read.utf8.count > 32_000))
    }
  }
}
