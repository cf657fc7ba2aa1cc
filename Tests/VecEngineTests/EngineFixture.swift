import Dispatch
import Glibc
import Synchronization
import Testing
import VecCore
import VecEngine

/// A store in a directory of its own, removed at the end. Clock and segment names are seeded.
final class EngineFixture: Sendable {
  let directory: String
  private let counter = Atomic<UInt64>(0)

  /// - Parameter inMemory: on a file system in memory, where syncs cost nothing: for many writes.
  init(inMemory: Bool = false) throws {
    let parent = inMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    var template = Array("\(parent)/vecd-engine-XXXXXX".utf8CString)
    directory = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    for name in (try? Self.names(in: directory + "/segments")) ?? [] { unlink(directory + "/segments/" + name) }
    for name in (try? Self.names(in: directory)) ?? [] where name != "segments" { unlink(directory + "/" + name) }
    rmdir(directory + "/segments")
    rmdir(directory)
  }

  func open(
    tier: String? = nil, workers: Int = 1, memoryBudget: Int = 1 << 30, segmentRows: Int? = nil,
    keepsLeftovers: Bool = false, adjust: (inout EngineOptions) -> Void = { _ in }
  ) throws(VecError) -> Engine {
    var options = EngineOptions(
      storePath: directory, kernelTier: tier, memoryBudget: memoryBudget,
      now: { Int64(self.counter.add(1, ordering: .relaxed).newValue) },
      makeUUID: { UUID(high: 7, low: self.counter.add(1, ordering: .relaxed).newValue) }, segmentRows: segmentRows,
      workers: workers,
      runWorkers: { count, body in DispatchQueue.concurrentPerform(iterations: count, execute: body) })
    options.keepsLeftovers = keepsLeftovers
    adjust(&options)
    return try Engine(options)
  }

  /// A store at a path that is somebody else's to remove.
  static func open(_ path: String) throws(VecError) -> Engine {
    try Engine(
      EngineOptions(
        storePath: path, kernelTier: nil, memoryBudget: 1 << 30, now: { 1 },
        makeUUID: {
          var random = SystemRandomNumberGenerator()
          return UUID(high: random.next(), low: random.next())
        }))
  }

  var segmentFiles: [String] { get throws { try Self.names(in: directory + "/segments").sorted() } }

  static func names(in path: String) throws -> [String] {
    let stream = try #require(opendir(path))
    defer { closedir(stream) }
    var out: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { out.append(name) }
    }
    return out
  }
}

/// Rows around centres, row r around centre r % clusters.
func clusteredRows(_ count: Int, _ dimension: Int, clusters: Int, noise: Float, seed: UInt64) -> [Float] {
  let centres = randomRows(clusters, dimension, seed: seed)
  var rows = randomRows(count, dimension, seed: seed + 1)
  for place in rows.indices {
    rows[place] = centres[place / dimension % clusters * dimension + place % dimension] + noise * rows[place]
  }
  return rows
}

/// Rows with Gaussian-like components: sums of uniform numbers.
func randomRows(_ count: Int, _ dimension: Int, seed: UInt64) -> [Float] {
  var random = SplitMix64(seed: seed)
  return (0..<(count * dimension)).map { _ in
    Float.random(in: -1...1, using: &random) + Float.random(in: -1...1, using: &random)
  }
}

extension Ingest {
  @discardableResult
  func append(ids: [UInt64], vectors: [Float], records: [AttributeRecord] = []) throws -> UInt64 {
    try ids.withUnsafeBytes { ids in
      try vectors.withUnsafeBytes {
        try append(elementType: .f32, count: ids.count / 8, ids: ids, elements: $0, records: records)
      }
    }
  }
}

extension Engine {
  /// Ingests rows and commits.
  @discardableResult
  func load(_ name: String, _ label: String?, ids: [UInt64], vectors: [Float]) throws -> IngestReceipt {
    let ingest = try beginIngest(name, generation: label)
    try ingest.append(ids: ids, vectors: vectors)
    return try ingest.commit()
  }

  /// Ingests, builds and publishes one generation.
  func release(_ name: String, _ label: String, ids: [UInt64], vectors: [Float]) throws {
    try load(name, label, ids: ids, vectors: vectors)
    try beginBuild(name, generation: label, type: .flat).run()
    _ = try publish(name, label: label, expected: .any)
  }

  /// Fills a collection that has an int attribute at position 0, which is the id modulo 7: ids from 0 on, the first `loaded`
  /// rows with an index and live, the others upserted.
  func fillBranded(_ name: String, _ rows: [Float], dimension: Int, loaded: Int, index: IndexType?) throws {
    func records(_ ids: Range<Int>) -> [AttributeRecord] { ids.map { AttributeRecord([(0, .int(Int64($0 % 7)))]) } }
    let count = rows.count / dimension
    let ingest = try beginIngest(name, generation: "g")
    try ingest.append(
      ids: (0..<UInt64(loaded)).map { $0 }, vectors: Array(rows[..<(loaded * dimension)]), records: records(0..<loaded))
    _ = try ingest.commit()
    try beginBuild(name, generation: "g", type: index, targetRecall: 0.95).run()
    _ = try publish(name, label: "g", expected: .any)
    _ = try write([
      .upsert(
        UpsertRequest(
          collection: name, dimension: dimension, ids: (UInt64(loaded)..<UInt64(count)).map { $0 },
          vectors: Array(rows[(loaded * dimension)...]), records: records(loaded..<count)))
    ])[0].get()
  }

  func find(_ name: String, _ queries: [Float], k: Int, dimension: Int, generation: String? = nil) throws -> SearchReply {
    let request = SearchRequest(
      collection: name, generation: generation, k: k, dimension: dimension, vectors: queries)
    return try search(request) { false }
  }
}

/// Demands that `body` fails with a code, and returns the message.
@discardableResult
func expectError(_ code: VecErrorCode, _ body: () throws -> Void) -> String {
  let error = #expect(throws: VecError.self, performing: body)
  #expect(error?.code == code, "\(error?.description ?? "no error")")
  return error?.message ?? ""
}

/// A directory with all that is in it.
func removeTree(_ path: String) { _ = system("rm -rf '\(path)'") }

/// Changes a bit of a segment's first block.
func flipBit(_ path: String) throws {
  chmod(path, 0o600)
  let file = try #require(fopen(path, "r+"))
  defer { fclose(file) }
  fseek(file, 4_160, SEEK_SET)
  let value = fgetc(file)
  fseek(file, 4_160, SEEK_SET)
  fputc(value ^ 1, file)
}
