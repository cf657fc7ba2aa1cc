import Glibc
package import Logging
import ServiceLifecycle
import UnixSignals
package import VecCore

/// A daemon as the process it runs in: signals and standard descriptors.
package enum ServerProcess {
  /// First thing in `main`, before any file is opened.
  package static func prepare() throws(VecError) {
    try ProcessFacts.ensureStandardDescriptors()
    ProcessFacts.ignoreFatalWriteSignals()
    umask(0o077)
  }

  /// Serves until SIGTERM or SIGINT, then stops gracefully.
  ///
  /// - Throws: `VecError` when the daemon could not start.
  package static func serve(_ options: ServerOptions, logger: Logger) async throws {
    let server = try Server(options: options, logger: logger)
    var quiet = logger
    quiet.logLevel = max(.warning, logger.logLevel)  // the group's own lines say nothing that ours do not
    var configuration = ServiceGroupConfiguration(
      services: [.init(service: server, successTerminationBehavior: .gracefullyShutdownGroup)],
      gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
    // The server keeps its own limit; this one only ends a stop that hangs.
    configuration.maximumGracefulShutdownDuration = .seconds(options.stopLimitSeconds + 10)
    try await ServiceGroup(configuration: configuration).run()
  }
}
