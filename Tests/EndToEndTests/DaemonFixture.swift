import Foundation
import Testing

/// A real daemon on a fresh store, and vecctl to ask it. Everything lies in one short folder that goes with the value.
final class DaemonFixture {
  let folder: String
  private var daemon: Running?
  /// Mounted somewhere in the folder.
  var disk: TinyDisk?
  /// Of the last start.
  private var options: [String] = []

  var store: String { folder + "/store" }
  var socket: String { folder + "/s" }
  var pid: pid_t { daemon?.process.processIdentifier ?? 0 }

  /// - Parameter prepare: called before the daemon starts.
  init(options: [String] = [], fileSizeLimit: Int? = nil, prepare: (DaemonFixture) throws -> Void = { _ in }) throws {
    folder = try Self.temporaryFolder()
    try prepare(self)
    try start(options, fileSizeLimit: fileSizeLimit)
  }

  deinit {
    if let daemon, daemon.process.isRunning {
      kill(daemon.process.processIdentifier, SIGKILL)
      _ = daemon.outcome()
    }
    disk?.unmount()
    try? FileManager.default.removeItem(atPath: folder)
  }

  static func temporaryFolder() throws -> String {
    var template = Array("/tmp/vecd-e2e-XXXXXX".utf8CString)
    return try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  /// Starts the daemon, with the options of the last time unless others are given, and waits until it answers.
  func start(_ options: [String]? = nil, fileSizeLimit: Int? = nil) throws {
    let options = options ?? self.options
    self.options = options
    let running = try Program.start(
      "vecd", ["serve", "--store", store, "--socket", socket] + options, in: folder, fileSizeLimit: fileSizeLimit)
    daemon = running
    let isUp = try eventually { try !running.process.isRunning || vecctl("ping").status == 0 }
    #expect(isUp && running.process.isRunning, "the daemon did not come up: \(running.log)")
  }

  /// A signal, and what the daemon left.
  @discardableResult
  func stop(_ signal: Int32 = SIGTERM) throws -> Outcome {
    let daemon = try #require(self.daemon)
    kill(daemon.process.processIdentifier, signal)
    self.daemon = nil
    return daemon.outcome()
  }

  /// vecctl on this daemon's socket, in the fixture's folder.
  func vecctl(_ arguments: String..., input: Data? = nil) throws -> Outcome { try vecctl(arguments, input: input) }

  func vecctl(_ arguments: [String], input: Data? = nil) throws -> Outcome {
    try Program.run("vecctl", ["--socket", socket] + arguments, in: folder, input: input)
  }

  /// The JSON of a verb that must succeed.
  func json(_ arguments: String..., input: Data? = nil) throws -> [String: Any] {
    let outcome = try Program.run("vecctl", ["--socket", socket, "--json"] + arguments, in: folder, input: input)
    #expect(outcome.status == 0, "\(arguments): \(outcome.stderr)")
    return try outcome.json()
  }

  /// What `generations` says of a collection, by label.
  func generations(_ collection: String) throws -> [String: [String: Any]] {
    let all = try #require(try json("generations", collection)["generations"] as? [[String: Any]])
    return Dictionary(uniqueKeysWithValues: all.map { ($0["label"] as? String ?? "", $0) })
  }

  /// Ingests, builds and publishes an npy file that lies in the folder.
  func publish(_ collection: String, _ file: String, ids: String, as label: String) throws {
    _ = try json("ingest", collection, file, "--ids", ids, "--generation", label)
    _ = try json("build-index", collection, "--generation", label, "--type", "flat", "--wait")
    _ = try json("publish", collection, label)
  }

  func write(_ name: String, _ bytes: Data) throws { try bytes.write(to: URL(fileURLWithPath: folder + "/" + name)) }

  func read(_ name: String) -> Data? { FileManager.default.contents(atPath: folder + "/" + name) }

  /// Files of the store's segments folder.
  var segmentFiles: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: store + "/segments")) ?? []).sorted()
  }

  func segmentBytes() throws -> Int {
    try segmentFiles.reduce(0) { sum, name in
      sum + (try FileManager.default.attributesOfItem(atPath: "\(store)/segments/\(name)")[.size] as? Int ?? 0)
    }
  }
}
