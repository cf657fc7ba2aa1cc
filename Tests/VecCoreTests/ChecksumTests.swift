import CVecShims
import Testing
import VecCore

@Suite("CRC32C")
struct ChecksumTests {
  static func bytes(_ count: Int) -> [UInt8] {
    var random = SplitMix64(seed: 42)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  @Test("the check value of the polynomial and those of RFC 3720")
  func knownValues() {
    func crc(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { CRC32C.of($0) } }
    #expect(crc(Array("123456789".utf8)) == 0xE306_9283)
    #expect(crc([]) == 0)
    #expect(crc([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(crc([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(crc(Array(0..<32)) == 0x46DD_794E)
    #expect(crc(Array((0..<32).reversed())) == 0x113F_DB5C)
  }

  @Test("the CPU's instruction and the portable path agree for every length and alignment")
  func pathsAgree() {
    let longest = 20_000
    Self.bytes(longest + 8).withUnsafeBytes { all in
      guard let base = all.baseAddress else { return }
      var wrong: [(Int, Int)] = []
      for alignment in 0..<8 {
        // The portable path is followed byte by byte, so that each length costs one step.
        var expected: UInt32 = 0
        for length in 0...longest {
          if vs_crc32c(0, base + alignment, length) != expected { wrong.append((alignment, length)) }
          expected = vs_crc32c_portable(expected, base + alignment + length, length < longest ? 1 : 0)
        }
      }
      #expect(wrong.isEmpty)
    }
  }

  @Test("the portable path over a whole run equals its own steps, and a bitwise definition")
  func portable() {
    let bytes = Self.bytes(3_000)
    var bitwise: UInt32 = .max
    for byte in bytes {
      bitwise ^= UInt32(byte)
      for _ in 0..<8 { bitwise = bitwise & 1 == 1 ? (bitwise >> 1) ^ 0x82F6_3B78 : bitwise >> 1 }
    }
    #expect(bytes.withUnsafeBytes { vs_crc32c_portable(0, $0.baseAddress, $0.count) } == ~bitwise)
  }

  @Test("a run that is fed in pieces has the checksum of the whole", arguments: [1, 2, 3] as [UInt64])
  func pieces(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let bytes = Self.bytes(100_000)
    var crc = CRC32C()
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = rest.prefix(Int(random.next() % 20_000) + 1)
      crc.update(Array(piece))
      rest = rest.dropFirst(piece.count)
    }
    #expect(crc.value == bytes.withUnsafeBytes { CRC32C.of($0) })
    var number = CRC32C()
    number.update(0x0403_0201)
    let littleEndian: [UInt8] = [1, 2, 3, 4]
    #expect(number.value == littleEndian.withUnsafeBytes { CRC32C.of($0) })
  }
}
