import VecManifest

extension FuzzTarget {
  /// The manifest's log, which is judged before SQLite sees it. Checksums are repaired behind the mutations, or a bad
  /// first frame would hide all others; the first byte says how many frames keep theirs.
  static let manifestLog = FuzzTarget(name: "manifest-log", lengthMax: 3072) { _ in
    (0..<4).map { frames in
      let header: [UInt8] = [0x37, 0x7F, 0x06, 0x82, 0, 0x2D, 0xE2, 0x18, 0, 0, 2, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]
      let frame: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8] + [UInt8](repeating: 9, count: 8 + 512)
      return [UInt8(frames)] + header + [UInt8](repeating: 0, count: 8) + (0..<frames).flatMap { _ in frame }
    }
  } run: { input in
    var choices = Choices(input)
    let repaired = choices.byte()
    var log = Array(choices.rest)
    LogRepair.run(&log, frames: repaired)
    switch ManifestLog(log).condition {
    case .whole, .torn: break
    case .doubtful(let frame), .damaged(let frame): demand(frame >= 0 && frame <= log.count, "frame \(frame)")
    }
  }
}

/// SQLite's checksums of a log, as fileformat2.html has them.
private enum LogRepair {
  static func run(_ log: inout [UInt8], frames: Int) {
    guard log.count >= 32 else { return }
    let page = Int(word(log, 8))
    guard (512...65_536).contains(page) else { return }
    var sum: (UInt32, UInt32) = (0, 0)
    add(log, 0, 24, &sum)
    put(sum, at: 24, &log)
    for number in 0..<frames {
      let start = 32 + number * (24 + page)
      guard start + 24 + page <= log.count else { return }
      add(log, start, 8, &sum)
      add(log, start + 24, page, &sum)
      put(sum, at: start + 16, &log)
    }
  }

  private static func word(_ log: [UInt8], _ at: Int) -> UInt32 { log[at..<(at + 4)].reduce(0) { $0 << 8 | UInt32($1) } }

  private static func add(_ log: [UInt8], _ at: Int, _ count: Int, _ sum: inout (UInt32, UInt32)) {
    let isBigEndian = log[3] & 1 == 1
    for place in stride(from: at, to: at + count - 7, by: 8) {
      let (first, second) = (word(log, place), word(log, place + 4))
      sum.0 &+= (isBigEndian ? first : first.byteSwapped) &+ sum.1
      sum.1 &+= (isBigEndian ? second : second.byteSwapped) &+ sum.0
    }
  }

  private static func put(_ sum: (UInt32, UInt32), at: Int, _ log: inout [UInt8]) {
    for (place, value) in [(at, sum.0), (at + 4, sum.1)] {
      for index in 0..<4 { log[place + index] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index)) }
    }
  }
}
