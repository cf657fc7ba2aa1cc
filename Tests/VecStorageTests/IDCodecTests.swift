import Testing
import VecCore
import VecStorage

@Suite("Ids as bytes")
struct IDCodecTests {
  static func decode(_ bytes: [UInt8], count: Int) throws(VecError) -> [UInt64] {
    try bytes.passed { (raw) throws(VecError) in try IDCodec.decode(raw, count: count) }
  }

  static func refuses(_ bytes: [UInt8], count: Int, _ what: String) -> Bool {
    do throws(VecError) {
      _ = try decode(bytes, count: count)
      return false
    } catch {
      return error.code == .segmentDamaged && error.message.contains(what)
    }
  }

  @Test("ids come back as they were, whatever their order and size", arguments: [1, 2, 3] as [UInt64])
  func roundTrip(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for round in 0..<300 {
      let count = Int(random.next() % 200) + 1
      var ids = (0..<count).map { _ in random.next() >> (random.next() % 64) }
      if round % 3 == 0 { ids.sort() }
      if round % 5 == 0 { ids += [0, .max, 0, .max, 1 << 63, (1 << 63) - 1, 0] }
      let bytes = IDCodec.encode(ids)
      #expect(bytes.count <= ids.count * 10)
      #expect(try Self.decode(bytes, count: ids.count) == ids)
    }
  }

  @Test("ids that ascend by one take a byte each")
  func compact() {
    #expect(IDCodec.encode(Array(1...1_000)).count == 1_000)
    #expect(IDCodec.encode([7, 5]) == [14, 3])
    #expect(IDCodec.encode([.max]) == [1])
  }

  @Test("every cut of the bytes is refused")
  func truncated() throws {
    let ids: [UInt64] = [1 << 63, 3, .max - 9, 1 << 40]
    let bytes = IDCodec.encode(ids)
    for length in 0..<bytes.count {
      #expect(Self.refuses(Array(bytes[..<length]), count: ids.count, ""))
    }
  }

  @Test("a varint that is longer than it needs, or than 64 bits, is refused")
  func overlong() {
    #expect(Self.refuses([0x80, 0x00], count: 1, "shortest form"))
    #expect(Self.refuses([0x81, 0x80, 0x00], count: 1, "shortest form"))
    let nine = [UInt8](repeating: 0xFF, count: 9)
    #expect(Self.refuses(nine + [0x02], count: 1, "64 bits"))
    #expect(Self.refuses(nine + [0x81], count: 1, "64 bits"))
    #expect(Self.refuses(nine + [0x81, 0x00], count: 1, "64 bits"))
    #expect((try? Self.decode(nine + [0x01], count: 1)) == [1 << 63])
  }

  @Test("more or fewer ids than the header's row count are refused, and no count reserves memory unchecked")
  func counts() {
    #expect(Self.refuses([2, 2, 2], count: 2, "one more"))
    #expect(Self.refuses([2, 2], count: 3, "cannot hold"))
    #expect(Self.refuses([0x80, 0x01], count: 2, "missing"))
    #expect(Self.refuses([2], count: .max, "cannot hold"))
    #expect(Self.refuses([2], count: -1, "cannot hold"))
  }

  @Test("any bytes are decoded or refused, never trapped on", arguments: [5] as [UInt64])
  func anyBytes(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<20_000 {
      let bytes = (0..<(random.next() % 40)).map { _ in
        UInt8(truncatingIfNeeded: random.next() >> (random.next() % 8))
      }
      let count = Int(random.next() % 12)
      if let ids = try? Self.decode(bytes, count: count) {
        #expect(ids.count == count && IDCodec.encode(ids) == bytes)
      }
    }
  }
}
