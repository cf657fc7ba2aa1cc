import VecCore

/// Changes fields of a segment and makes all checksums right again, from the format's page alone: what an attacker or a
/// defect of another writer could produce.
struct SegmentForge {
  var bytes: [UInt8]

  private var uuid: [UInt8] { Array(bytes[16..<32]) }
  var trailerOffset: Int { bytes.count - 64 }
  var directoryOffset: Int { Int(truncatingIfNeeded: get(UInt64.self, at: trailerOffset)) }
  var sectionCount: Int { Int(get(UInt32.self, at: trailerOffset + 40)) }

  func get<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T {
    bytes[offset..<(offset + T.bitWidth / 8)].reversed().reduce(0) { $0 << 8 | T($1) }
  }

  mutating func set<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    for index in 0..<(T.bitWidth / 8) { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
  }

  /// Offset of a field of the directory's entry of section `index`.
  func entry(_ index: Int, _ field: Int) -> Int { directoryOffset + 48 * index + field }

  /// Gives section `index` new content of the same length, of one block.
  mutating func setContent(_ index: Int, _ content: [UInt8]) {
    let offset = Int(get(UInt64.self, at: entry(index, 8)))
    bytes.replaceSubrange(offset..<(offset + content.count), with: content)
  }

  /// Makes the checksums of all one-block sections right.
  mutating func sealBlocks() {
    for index in 0..<sectionCount {
      let offset = Int(get(UInt64.self, at: entry(index, 8)))
      let length = Int(get(UInt64.self, at: entry(index, 16)))
      var kind: [UInt8] = Array(bytes[entry(index, 0)..<(entry(index, 0) + 4)])
      kind += [0, 0, 0, 0]
      let table = directoryOffset + 48 * sectionCount + 8 * index
      set(crc(uuid, kind, Array(bytes[offset..<(offset + length)])), at: table + 4)
    }
  }

  /// Makes header, root and trailer right; whatever they say.
  mutating func seal() {
    let directory = directoryOffset
    let end = trailerOffset
    set(crc(uuid, Array("HEAD".utf8), Array(bytes[..<124])), at: 124)
    if directory >= 0, directory <= end {
      let root = crc(uuid, Array("ROOT".utf8), Array(bytes[..<124]), Array(bytes[directory..<end]))
      set(root, at: end + 44)
    }
    sealTail()
  }

  private func crc(_ runs: [UInt8]...) -> UInt32 {
    var crc = CRC32C()
    for run in runs { crc.update(run) }
    return crc.value
  }
}

extension SegmentForge {
  /// Makes the trailer's own checksum right.
  mutating func sealTail() {
    let end = trailerOffset
    var crc = CRC32C()
    crc.update(Array(bytes[16..<32]))
    crc.update(Array("TAIL".utf8))
    crc.update(Array(bytes[end..<(end + 52)]))
    set(crc.value, at: end + 52)
  }
}
