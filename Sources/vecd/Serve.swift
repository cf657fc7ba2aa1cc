import ArgumentParser
import Logging
import VecCore
import VecServer

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve a store on a Unix socket until SIGTERM or SIGINT.",
    discussion: """
      The store is made if it does not exist. Only this user, and those named with --allow-uid, may connect.
      On SIGTERM or SIGINT accepted requests are finished within --stop-limit, then the daemon exits with status 0.
      When the disk fails a sync it exits with status 74, to be started again: only a new start tells what was kept.

      Examples:
        vecd serve --store ./store
        vecd serve --store ./store --threads 4 --memory-budget 4G --log-format json
      """)

  @OptionGroup var location: StoreLocation

  @Option(help: ArgumentHelp("Unix socket to listen on. (default: vecd.sock in the store)", valueName: "path"))
  var socket: String?

  @Option(help: ArgumentHelp("Threads that answer searches. (default: one per core)", valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "Memory the daemon may use, like 512M or 4G; at least 256M. (default: three quarters of the machine's)",
      valueName: "size"))
  var memoryBudget: String?

  @Option(
    help: ArgumentHelp(
      "Rows that a build puts into one segment at most. (default: what building in half of the memory budget allows)",
      valueName: "n"))
  var segmentRows: Int?

  @Option(
    help: ArgumentHelp(
      "Bytes a second, like 64M, at which all segments are read over again to find damage; 0 for never. (default: 16M)",
      valueName: "size"))
  var scrubRate: String?

  @Option(
    help: ArgumentHelp(
      "Room on the disk, like 1G, held back so that deletes, drops and compactions work when it is full; 0: none. (default: 16M)",
      valueName: "size"))
  var ballast: String?

  @Option(help: ArgumentHelp("Requests that may wait in a queue; more are answered overloaded.", valueName: "n"))
  var queue = 1024

  @Option(help: ArgumentHelp("Connections at a time.", valueName: "n"))
  var connections = 256

  @Option(help: ArgumentHelp("Close a client that takes none of its replies for so long.", valueName: "seconds"))
  var writeTimeout = 30

  @Option(
    help: ArgumentHelp("Deadline of requests that name none; 0 for no limit.", valueName: "milliseconds"))
  var defaultDeadline = 10_000

  @Option(help: ArgumentHelp("Time to finish accepted requests when stopping.", valueName: "seconds"))
  var stopLimit = 10

  @Option(help: ArgumentHelp("Log requests that take longer.", valueName: "milliseconds"))
  var slowRequest = 500

  @Option(
    name: .customLong("allow-uid"), parsing: .singleValue,
    help: ArgumentHelp("A further user that may connect; may be given several times.", valueName: "uid"))
  var allowedUids: [UInt32] = []

  @Option(
    help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"),
    transform: Self.level)
  var logLevel: Logger.Level = .info

  @Option(help: ArgumentHelp("text or json.", valueName: "format"))
  var logFormat: LogFormat = .text

  func run() async throws {
    try await reportingErrors {
      try ServerProcess.prepare()
      let handler = LineLogHandler(format: logFormat, level: logLevel)
      let logger = Logger(label: "vecd") { _ in handler }
      try await ServerProcess.serve(try options(), logger: logger)
    }
  }

  private static func level(_ name: String) throws -> Logger.Level {
    guard let level = Logger.Level(rawValue: name) else {
      throw ValidationError(
        "log level \(Names.quoted(name)): use trace, debug, info, notice, warning, error or critical")
    }
    return level
  }

  private func options() throws(VecError) -> ServerOptions {
    var options = ServerOptions(storePath: try location.path())
    options.socketPath = socket
    if let threads { options.threads = threads }
    if let memoryBudget { options.memoryBudget = try ByteSize.parse(memoryBudget) }
    options.segmentRows = segmentRows
    if let scrubRate { options.scrubRate = try ByteSize.parse(scrubRate) }
    if let ballast { options.ballast = try ByteSize.parse(ballast) }
    options.queueMax = queue
    options.connectionsMax = connections
    options.writeTimeoutSeconds = writeTimeout
    options.defaultDeadlineMilliseconds = defaultDeadline
    options.stopLimitSeconds = stopLimit
    options.slowRequestMilliseconds = slowRequest
    options.allowedUids = allowedUids
    options.kernelTier = Environment.kernelTier
    return options
  }
}

extension LogFormat: ExpressibleByArgument {}
