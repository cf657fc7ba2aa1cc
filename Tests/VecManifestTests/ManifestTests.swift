import Glibc
import Testing
import VecCore
import VecManifest

/// A manifest file in a directory of its own, removed at the end.
final class ManifestFixture {
  let directory: String
  var path: String { directory + "/manifest.db" }
  let storeUUID = UUID(high: 1, low: 2)

  init() throws {
    var template = Array("/tmp/vecd-manifest-XXXXXX".utf8CString)
    directory = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    for name in ["manifest.db", "manifest.db-wal", "manifest.db-shm"] { unlink(directory + "/" + name) }
    rmdir(directory)
  }

  func open() throws -> Manifest { try Manifest(path: path, newStoreUUID: storeUUID) }

  /// Opens, runs, closes, so that everything is in the database file.
  func with<T>(_ body: (Manifest) throws -> T) throws -> T {
    let manifest = try open()
    defer { manifest.close() }
    return try body(manifest)
  }
}

let sampleCollection = CollectionRow(number: 1, name: "posts", dimension: 64, metric: .cosine, createdAt: 1000)
let sampleGeneration = GenerationRow(number: 2, collection: 1, label: "monday", createdAt: 1001)
let sampleSegment = SegmentRow(
  uuid: UUID(high: 3, low: 4), generation: 2, ordinal: 0, rowCount: 50_000, byteCount: 6_800_000, rootChecksum: 0xFFFF_FFFE,
  elementType: .f16)

func insertSample(into manifest: Manifest) throws {
  try manifest.transaction { (transaction) throws(VecError) in
    try transaction.insert(sampleCollection)
    try transaction.insert(sampleGeneration)
    try transaction.insert(sampleSegment, of: 1)
    try transaction.setNextNumber(3)
  }
}

@Suite struct ManifestTests {
  @Test("what a transaction wrote is there after reopening")
  func roundTrip() throws {
    let fixture = try ManifestFixture()
    try fixture.with { try insertSample(into: $0) }
    try fixture.with { manifest in
      let catalogue = try manifest.load()
      #expect(catalogue.nextNumber == 3)
      #expect(catalogue.damaged.isEmpty)
      #expect(
        catalogue.collections == [
          CollectionRecord(row: sampleCollection, generations: [sampleGeneration], segments: [sampleSegment])
        ])
    }
  }

  @Test("a transaction that throws leaves nothing")
  func rollback() throws {
    let fixture = try ManifestFixture()
    try fixture.with { manifest in
      #expect(throws: VecError(.overloaded, "stop")) {
        try manifest.transaction { (transaction) throws(VecError) in
          try transaction.insert(sampleCollection)
          throw VecError(.overloaded, "stop")
        }
      }
      var count = try manifest.load().collections.count
      #expect(count == 0)
      try insertSample(into: manifest)
      count = try manifest.load().collections.count
      #expect(count == 1)
    }
  }

  @Test("updates and deletes keep the checksums true")
  func updates() throws {
    let fixture = try ManifestFixture()
    try fixture.with { manifest in
      try insertSample(into: manifest)
      var collection = sampleCollection
      collection.sequence = 7
      collection.liveGeneration = 2
      var generation = sampleGeneration
      generation.state = .live
      generation.index = .flat
      generation.builtAt = 5
      generation.publishedAt = 6
      try manifest.transaction { (transaction) throws(VecError) in
        try transaction.update(collection)
        try transaction.update(generation)
        try transaction.deleteSegment(sampleSegment.uuid, of: 1)
      }
      let catalogue = try manifest.load()
      #expect(catalogue.damaged.isEmpty)
      #expect(catalogue.collections == [CollectionRecord(row: collection, generations: [generation])])
      try manifest.transaction { (transaction) throws(VecError) in try transaction.deleteCollection(named: "posts") }
      let rest = try manifest.load().collections
      #expect(rest.isEmpty)
    }
  }

  @Test(
    "the schema the code executes is that of Formats",
    arguments: [
      ("manifest", Manifest.schema), ("manifest-writes", Manifest.writesSchema),
      ("manifest-attributes", Manifest.attributesSchema), ("manifest-exclusions", Manifest.exclusionsSchema),
      ("manifest-models", Manifest.modelsSchema), ("manifest-biases", Manifest.biasesSchema),
      ("manifest-string-ids", Manifest.stringIDsSchema),
    ])
  func schemaIsTheDocument(name: String, schema: String) throws {
    let path = #filePath.replacing("Tests/VecManifestTests/ManifestTests.swift", with: "Formats/\(name).sql")
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var text: [UInt8] = []
    var byte = getc(file)
    while byte != EOF {
      text.append(UInt8(byte))
      byte = getc(file)
    }
    #expect(String(decoding: text, as: UTF8.self) == schema)
  }

  @Test("after an I/O error nothing more is written until the manifest is opened anew")
  func stopped() throws {
    let fixture = try ManifestFixture()
    try fixture.with { manifest in
      manifest.stopWriting(because: VecError(.ioError, "fsync of x failed"))
      let error = #expect(throws: VecError.self) { try insertSample(into: manifest) }
      #expect(error?.code == .ioError && error?.message.contains("restart vecd") == true)
      let collections = try manifest.load().collections
      #expect(collections.isEmpty)
    }
    try fixture.with { try insertSample(into: $0) }
  }

  @Test("a file that is no manifest is refused and left as it is", arguments: ["not a database at all, just text", ""])
  func foreignFile(content: String) throws {
    let fixture = try ManifestFixture()
    let bytes = Array((content + String(repeating: "x", count: content.isEmpty ? 0 : 4096)).utf8)
    try write(bytes, to: fixture.path)
    if content.isEmpty {
      let collections = try fixture.with { try $0.load().collections }
      #expect(collections.isEmpty)
    } else {
      let error = #expect(throws: VecError.self) { _ = try fixture.open() }
      #expect(error?.code == .manifestDamaged)
      let after = try read(fixture.path)
      #expect(after == bytes)
    }
  }

  @Test("a newer schema is refused and not changed")
  func newerSchema() throws {
    let fixture = try ManifestFixture()
    try fixture.with { _ in }
    var bytes = try read(fixture.path)
    bytes[63] = 9  // user_version, big-endian at offset 60 of SQLite's header
    try write(bytes, to: fixture.path)
    let error = #expect(throws: VecError.self) { _ = try fixture.open() }
    #expect(error?.code == .unsupportedFormat)
  }

  @Test("a flipped bit in a cell is noticed, and fences its collection alone")
  func everyBitOfTheRows() throws {
    let fixture = try ManifestFixture()
    try fixture.with { manifest in
      try insertSample(into: manifest)
      try manifest.transaction { (transaction) throws(VecError) in
        try transaction.insert(CollectionRow(number: 3, name: "other", dimension: 8, metric: .ip, createdAt: 5))
        try transaction.setNextNumber(4)
      }
    }
    let sound = try read(fixture.path)
    let truth = try fixture.with { try $0.load().collections }
    var outcomes = (refused: 0, fenced: 0, harmless: 0)
    var random = SplitMix64(seed: 20_261_124)
    for _ in 0..<4_000 {
      var bytes = sound
      bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      try write(bytes, to: fixture.path)
      do {
        let catalogue = try fixture.with { try $0.load() }
        for record in catalogue.collections { #expect(truth.contains(record), "a wrong row was believed") }
        if catalogue.collections.count < 2 { outcomes.fenced += 1 } else { outcomes.harmless += 1 }
        #expect(catalogue.collections.count + catalogue.damaged.count >= 2, "a collection vanished silently")
      } catch is VecError {
        outcomes.refused += 1
      }
    }
    #expect(outcomes.refused > 0 && outcomes.fenced > 0, "the flips never hit anything: \(outcomes)")
  }
}

func read(_ path: String) throws -> [UInt8] {
  let file = try #require(fopen(path, "r"))
  defer { fclose(file) }
  fseek(file, 0, SEEK_END)
  var bytes = [UInt8](repeating: 0, count: ftell(file))
  fseek(file, 0, SEEK_SET)
  let count = fread(&bytes, 1, bytes.count, file)
  try #require(count == bytes.count)
  return bytes
}

func write(_ bytes: [UInt8], to path: String) throws {
  let file = try #require(fopen(path, "w"))
  defer { fclose(file) }
  let count = fwrite(bytes, 1, bytes.count, file)
  try #require(count == bytes.count)
}
