import VecCore

/// The bytes of a segment file, from the format's page alone: checksums that are right around content that need not be.
struct SegmentImage {
  private(set) var bytes: [UInt8]
  private static let headerBytes = 128
  private static let trailerBytes = 64
  private static let entryBytes = 48

  /// A section as the directory is to describe it.
  struct Section {
    var kind: UInt32
    var isPacked: Bool
    var stored: [UInt8]
    var rawLength: Int
  }

  /// A whole file of one-block sections.
  init(dimension: Int, metric: UInt8, element: UInt8, rowCount: Int, version: UInt16, _ sections: [Section]) {
    var out = ByteWriter()
    out.write(bytes: [0x89, 0x56, 0x53, 0x45, 0x47, 0x0D, 0x0A, 0x1A])
    out.write(version)
    out.write(version)
    out.write(0 as UInt32)
    out.write(bytes: 0..<16)
    out.write(UInt32(dimension))
    out.write(metric)
    out.write(element)
    out.write(0 as UInt16)
    for number in [UInt64(rowCount), 1, 2] { out.write(number) }
    out.write(1e18 as Float)
    out.write(metric == 1 ? 1e-20 as Float : 0)
    out.write(bytes: [UInt8](repeating: 0, count: Self.headerBytes - out.bytes.count))
    var directory = ByteWriter()
    for section in sections {
      directory.write(section.kind)
      directory.write(section.isPacked ? 1 as UInt32 : 0)
      for number in [out.bytes.count, section.stored.count, section.rawLength, 1, 0] { directory.write(UInt64(number)) }
      out.write(bytes: section.stored)
      out.write(bytes: [UInt8](repeating: 0, count: (64 - out.bytes.count % 64) % 64))
    }
    for section in sections {
      directory.write(UInt32(section.stored.count))
      directory.write(0 as UInt32)
    }
    let place = out.bytes.count
    out.write(bytes: directory.bytes)
    out.write(UInt64(place))
    out.write(bytes: [UInt8](repeating: 0, count: 32))
    out.write(UInt32(sections.count))
    out.write(bytes: [UInt8](repeating: 0, count: Self.trailerBytes - 44))
    self.init(sealing: out.bytes)
  }

  /// Repairs what no mutation would get right: lengths that follow from the file's own, and every checksum.
  init(sealing damaged: [UInt8]) {
    bytes = damaged
    guard bytes.count >= Self.headerBytes + Self.trailerBytes else { return }
    let end = bytes.count - Self.trailerBytes
    let uuid = Array(bytes[16..<32])
    let directory = Int(clamping: get(end, 8))
    set(UInt64(end - min(directory, end)), 8, at: end + 8)
    set(UInt64(bytes.count), 8, at: end + 16)
    bytes.replaceSubrange((end + 24)..<(end + 40), with: uuid)
    bytes.replaceSubrange((end + 56)..<bytes.count, with: Array("VSEGEND\n".utf8))
    if directory <= end { sealBlocks(uuid, directory, end) }
    set(UInt64(crc(uuid, Array("HEAD".utf8), Array(bytes[..<124]))), 4, at: 124)
    if directory <= end {
      set(UInt64(crc(uuid, Array("ROOT".utf8), Array(bytes[..<124]), Array(bytes[directory..<end]))), 4, at: end + 44)
    }
    set(UInt64(crc(uuid, Array("TAIL".utf8), Array(bytes[end..<(end + 52)]))), 4, at: end + 52)
  }

  private mutating func sealBlocks(_ uuid: [UInt8], _ directory: Int, _ end: Int) {
    let count = Int(get(end + 40, 4))
    guard count <= 16, directory + count * Self.entryBytes <= end else { return }
    var table = directory + count * Self.entryBytes
    for entry in stride(from: directory, to: directory + count * Self.entryBytes, by: Self.entryBytes) {
      var place = Int(clamping: get(entry + 8, 8))
      for number in 0..<min(get(entry + 32, 8), 64) where table + 8 <= end {
        let length = Int(get(table, 4))
        if place <= end, length <= end - place {
          let salt = Array(bytes[entry..<(entry + 4)]) + [UInt8(truncatingIfNeeded: number), 0, 0, 0]
          set(UInt64(crc(uuid, salt, Array(bytes[place..<(place + length)]))), 4, at: table + 4)
          place += length
        }
        table += 8
      }
    }
  }

  private func get(_ offset: Int, _ width: Int) -> UInt64 {
    (0..<width).reversed().reduce(0) { $0 << 8 | UInt64(bytes[offset + $1]) }
  }

  private mutating func set(_ value: UInt64, _ width: Int, at offset: Int) {
    for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
  }

  private func crc(_ runs: [UInt8]...) -> UInt32 {
    var crc = CRC32C()
    for run in runs { crc.update(run) }
    return crc.value
  }
}
