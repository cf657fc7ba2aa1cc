import Foundation
import Testing
import VecTestSupport

/// The real daemon on a store of its own, to be killed.
final class DaemonProcess {
  let store: String
  private var process: Process?

  init() throws {
    var template = Array("/tmp/vecd-crash-XXXXXX".utf8CString)
    store = try #require(mkdtemp(&template).map { String(cString: $0) }) + "/store"
  }

  deinit {
    kill()
    try? FileManager.default.removeItem(atPath: (store as NSString).deletingLastPathComponent)
  }

  /// - Parameter fileSizeLimit: bytes that any one file may grow to (RLIMIT_FSIZE).
  func start(fileSizeLimit: Int? = nil) throws {
    let path = try #require(BuiltProducts.path(of: "vecd"), "vecd is not built beside the tests")
    let process = Process()
    let serve = [path, "serve", "--store", store, "--log-level", "error"]
    if let fileSizeLimit {
      process.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
      process.arguments = ["--fsize=\(fileSizeLimit)"] + serve + ["--ballast", "32K"]
    } else {
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = Array(serve.dropFirst())
    }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    self.process = process
  }

  /// The pid of the running daemon, for a killer thread.
  var pid: pid_t { process?.processIdentifier ?? 0 }

  var isRunning: Bool { process?.isRunning ?? false }

  /// Kills without warning and waits until the process is gone.
  func kill() {
    guard let process else { return }
    if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    self.process = nil
  }

  /// Starts the daemon and kills it a while after it has opened the manifest, with which recovery begins.
  /// - Returns: whether that hit recovery: the store was open, and the socket, which ends recovery, not there yet.
  func startAndKill(after seconds: Double) throws -> Bool {
    unlink(store + "/vecd.sock")
    try start()
    let isOpen = waitForManifest()
    if isOpen { Thread.sleep(forTimeInterval: seconds) }
    kill()
    return isOpen && access(store + "/vecd.sock", F_OK) != 0
  }

  /// Looks at the daemon's open files until the manifest is among them, for two seconds at most.
  private func waitForManifest() -> Bool {
    let folder = "/proc/\(pid)/fd"
    let end = ContinuousClock.now + .seconds(2)
    while ContinuousClock.now < end, isRunning {
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name)
        if target?.hasPrefix(store + "/manifest") == true { return true }
      }
    }
    return false
  }

  /// A connection to the daemon, waited for; nil when it does not come up within ten seconds or has died.
  func connect() -> WireClient? {
    for _ in 0..<2_000 {
      if let client = WireClient(socketPath: store + "/vecd.sock") { return client }
      if !isRunning { return nil }
      usleep(5_000)
    }
    return nil
  }

  var segmentFiles: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: store + "/segments")) ?? []
  }
}
