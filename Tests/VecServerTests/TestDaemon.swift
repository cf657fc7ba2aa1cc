import class Foundation.FileManager
import Glibc
import Logging
import Synchronization
import VecCore
import VecEngine
import VecProtocol
import VecServer
import VecTestSupport

/// A daemon in this process, on a store of its own that is removed afterwards.
struct TestDaemon: Sendable {
  let server: Server
  let directory: String
  let log: LogLines

  var path: String { server.socketPath }

  func client() throws -> RawClient { try RawClient(path) }
}

/// Log lines kept for tests to look at.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])

  func add(_ line: String) { lines.withLock { $0.append(line) } }

  func count(_ text: String) -> Int { lines.withLock { $0.count { $0.contains(text) } } }

  func contains(_ text: String) -> Bool { lines.withLock { $0.contains { $0.contains(text) } } }
}

struct KeptLogHandler: LogHandler {
  let lines: LogLines
  var logLevel = Logger.Level.debug
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    lines.add("\(event.level) \(event.message) \((event.metadata ?? [:]).sorted { $0.key < $1.key })")
  }
}

let silentLogger = Logger(label: "test") { _ in KeptLogHandler(lines: LogLines()) }

func temporaryDirectory() throws -> String {
  var template = Array("/tmp/vecd-test-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw RawClient.Failure(description: "mkdtemp: errno \(errno)") }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

func removeTree(_ path: String) {
  try? FileManager.default.removeItem(atPath: path)
}

func withDaemon<T>(
  _ change: (inout ServerOptions) -> Void = { _ in },
  commit: (@Sendable ([Write]) -> [Result<WriteReceipt, VecError>])? = nil, _ body: (TestDaemon) async throws -> T
) async throws -> T {
  let directory = try temporaryDirectory()
  defer { removeTree(directory) }
  var options = ServerOptions(storePath: directory + "/store")
  options.socketPath = directory + "/s"
  options.memoryBudget = 1 << 30
  options.threads = 2
  change(&options)
  let log = LogLines()
  let logger = Logger(label: "test") { _ in KeptLogHandler(lines: log) }
  let server = try Server(options: options, logger: logger, commit: commit)
  try await server.start()
  let result: Result<T, any Error>
  do {
    result = .success(try await body(TestDaemon(server: server, directory: directory, log: log)))
  } catch {
    result = .failure(error)
  }
  await server.stop()
  return try result.get()
}

/// Rows of a collection for searches: seeded, so that every run asks the same.
enum SampleRows {
  static let dimension = 32

  /// Creates, fills, builds and publishes a collection; ids are 0 to `count - 1`.
  static func publish(_ name: String, count: Int, through client: RawClient) throws {
    _ = try client.must(.create(CreateRequest(collection: name, dimension: dimension, metric: .ip)))
    let begun = try client.must(.ingestBegin(IngestBeginRequest(collection: name, generation: "g1")))
    guard case .ingestBegin(let ingest) = begun else { throw RawClient.Failure(description: "\(begun)") }
    for start in stride(from: 0, to: count, by: 10_000) {
      let ids = (start..<min(count, start + 10_000)).map { UInt64($0) }
      let rows = IngestRows(
        ingest: ingest.ingest, dimension: dimension, ids: ids, elements: .f32(vectors(ids.count, seed: UInt64(start))))
      _ = try client.must(.ingestRows(rows))
    }
    _ = try client.must(.ingestCommit(ingest: ingest.ingest))
    _ = try client.must(.buildIndex(BuildIndexRequest(collection: name, index: .flat, wait: true)))
    _ = try client.must(.publish(PublishRequest(collection: name, generation: "g1")))
  }

  static func vectors(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SplitMix64(seed: seed)
    return (0..<(count * dimension)).map { _ in Float(generator.uniform() * 2 - 1) }
  }

  static func search(_ name: String, k: Int = 10, queries: Int = 1, seed: UInt64 = 7) -> Request {
    .search(SearchRequest(collection: name, k: k, dimension: dimension, vectors: vectors(queries, seed: seed)))
  }
}
