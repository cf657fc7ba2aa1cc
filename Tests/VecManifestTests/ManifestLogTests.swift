import Glibc
import Testing
import VecCore
import VecManifest
import VecTestSupport

/// The log never holds what was acknowledged, and one that was damaged says so.
@Suite struct ManifestLogTests {
  /// Images of the database after each of four transactions: collections named c1 to c4.
  static func images() throws -> [[UInt8]] {
    let fixture = try ManifestFixture()
    return try fixture.with { manifest in
      try (1...4).map { number in
        try manifest.transaction { (transaction) throws(VecError) in
          try transaction.insert(
            CollectionRow(number: UInt64(number), name: "c\(number)", dimension: 8, metric: .ip, createdAt: 1))
          try transaction.setNextNumber(UInt64(number) + 1)
        }
        return try read(fixture.path)
      }
    }
  }

  /// Opens the first image with a log beside it; the names of the collections that are there then, and the doubt.
  static func opened(_ image: [UInt8], _ log: [UInt8]) throws -> (names: [String], doubt: String?) {
    let fixture = try ManifestFixture()
    try write(image, to: fixture.path)
    try write(log, to: fixture.path + "-wal")
    defer { unlink(fixture.path + "-wal.doubtful") }
    return try fixture.with { manifest in
      #expect(try read(fixture.path + "-wal").isEmpty)
      if manifest.doubt != nil { #expect(try read(fixture.path + "-wal.doubtful") == log) }
      return (try manifest.load().collections.map(\.row.name), manifest.doubt)
    }
  }

  @Test("the log is empty whenever a transaction has been acknowledged, and after opening")
  func emptyLog() throws {
    let fixture = try ManifestFixture()
    try fixture.with { manifest in
      #expect(try read(fixture.path + "-wal").isEmpty)
      try insertSample(into: manifest)
      #expect(try read(fixture.path + "-wal").isEmpty)
      try manifest.transaction { (transaction) throws(VecError) in try transaction.deleteCollection(named: "posts") }
      #expect(try read(fixture.path + "-wal").isEmpty)
    }
  }

  @Test("an acknowledged change is in the database file alone, so a kill loses nothing with the log")
  func databaseAlone() throws {
    for (number, image) in try Self.images().enumerated() {
      #expect(try Self.opened(image, []).names == (1...number + 1).map { "c\($0)" })
    }
  }

  @Test("a log cut off anywhere is legal: SQLite takes its complete transactions")
  func tornTails() throws {
    let images = try Self.images()
    let log = LogForge.log(from: images)
    let commits = LogForge.commits(in: log)
    #expect(commits.count == 3 && commits.last == log.count - LogForge.frameBytes)
    for length in 0...log.count {
      let isWhole = length == 0 || commits.contains(length - LogForge.frameBytes)
      let isRelevant = isWhole || length % LogForge.frameBytes < 64 || length % 101 == 0
      guard isRelevant else { continue }
      #expect(ManifestLog(Array(log[..<length])).condition == (isWhole ? .whole : .torn), "length \(length)")
    }
    for length in [0, 31, 32, 60] + commits.flatMap({ [$0, $0 + 100, $0 + LogForge.frameBytes] }) {
      let complete = commits.count { $0 + LogForge.frameBytes <= length }
      let found = try Self.opened(images[0], Array(log[..<length]))
      #expect(found.names == (0...complete).map { "c\($0 + 1)" } && found.doubt == nil, "length \(length)")
    }
  }

  @Test("whatever bit of a log flips, nothing but its last transaction can go without a word")
  func flips() throws {
    let images = try Self.images()
    let log = LogForge.log(from: images)
    let all = ["c1", "c2", "c3", "c4"]
    var outcomes: [String: Int] = [:]
    var random = SplitMix64(seed: 20_261_127)
    for at in log.indices {
      // Every byte of header and frame headers, some of the pages.
      let isHeader = at < LogForge.headerBytes || (at - LogForge.headerBytes) % LogForge.frameBytes < 24
      guard isHeader || at % 97 == 0 else { continue }
      var flipped = log
      flipped[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      let condition = ManifestLog(flipped).condition
      #expect(condition != .whole, "a flip at \(at) was not seen")
      do {
        let found = try Self.opened(images[0], flipped)
        let isTold = found.doubt != nil
        #expect(isTold || found.names == all || found.names == Array(all.dropLast()), "flip at \(at): \(found.names)")
        outcomes[isTold ? "doubtful" : "torn", default: 0] += 1
      } catch let error as VecError {
        #expect(error.code == .manifestDamaged && error.message.contains("-wal"), "flip at \(at): \(error)")
        outcomes["refused", default: 0] += 1
      }
    }
    #expect(outcomes.count == 3 && outcomes["refused", default: 0] > outcomes["torn", default: 0], "\(outcomes)")
  }

  @Test("a bad frame of the only transaction is in doubt until the copy of its log is removed")
  func doubt() throws {
    let images = try Self.images()
    var log = LogForge.log(from: [images[0], images[1]])
    log[LogForge.headerBytes + 2000] ^= 4
    let fixture = try ManifestFixture()
    try write(images[0], to: fixture.path)
    try write(log, to: fixture.path + "-wal")
    for _ in 0..<2 {
      try fixture.with { manifest in
        let names = try manifest.load().collections.map(\.row.name)
        #expect(names == ["c1"] && manifest.doubt?.contains("-wal.doubtful") == true)
      }
    }
    unlink(fixture.path + "-wal.doubtful")
    try fixture.with { manifest in #expect(manifest.doubt == nil) }
  }

  @Test("a manifest that must be there is not made anew when it is missing or empty")
  func missing() throws {
    let fixture = try ManifestFixture()
    for _ in 0..<2 {
      let error = #expect(throws: VecError.self) { try Manifest(path: fixture.path, newStoreUUID: nil).close() }
      #expect(error?.code == .manifestDamaged && error?.message.contains("backup") == true)
    }
  }
}
