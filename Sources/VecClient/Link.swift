import NIOCore
import NIOPosix
import Synchronization
import VecCore
import VecProtocol

/// Keeps one connection to the daemon, and makes a new one when it is needed and lost.
///
/// Any thread may call it. However many calls find the connection lost, one of them connects and all wait for it.
final class Link: Sendable {
  private struct State {
    var connection: Connection?
    var daemon: DaemonInfo?
    /// Those who wait for the connection being made; nil when none is being made.
    var waiters: [OneShot<Connection>]?
    var isClosed = false
  }

  private enum Step {
    case use(Connection)
    case wait(isFirst: Bool)
    case refuse
  }

  let socketPath: String
  let options: VecClientOptions
  private let state = Mutex(State())

  init(socketPath: String, options: VecClientOptions) {
    self.socketPath = socketPath
    self.options = options
  }

  // A connection that nobody asks for any more would stay open for ever: the channel keeps it alive.
  deinit { close() }

  var daemon: DaemonInfo? { state.withLock { $0.daemon } }
  var isClosed: Bool { state.withLock { $0.isClosed } }

  /// An open connection.
  ///
  /// - Parameter attempts: how often to try before giving up, with growing pauses.
  /// - Throws: `not-reachable`, `permission-denied`, `unsupported-version`, `deadline-exceeded`, or `connection-lost`
  ///   when the client was closed.
  func connection(deadline: CallDeadline?, attempts: Int) async throws(VecError) -> Connection {
    let gate = OneShot<Connection>()
    let step = state.withLock { (state) -> Step in
      if state.isClosed { return .refuse }
      if let connection = state.connection, connection.isOpen { return .use(connection) }
      let isFirst = state.waiters == nil
      state.waiters = (state.waiters ?? []) + [gate]
      return .wait(isFirst: isFirst)
    }
    switch step {
    case .refuse: throw TransportError.closed
    case .use(let connection): return connection
    case .wait(let isFirst):
      if isFirst { Task { await self.connect(attempts: max(1, attempts)) } }
      let timer = deadline.map { deadline in
        MultiThreadedEventLoopGroup.singleton.any().scheduleTask(deadline: deadline.deadline) {
          gate.complete(.failure(TransportError.deadline("connecting to \(self.socketPath)")))
        }
      }
      defer { timer?.cancel() }
      return try await gate.wait()
    }
  }

  /// Closes for good. Calls under way end with `connection-lost`.
  func close() {
    let (connection, waiters) = state.withLock { (state) -> (Connection?, [OneShot<Connection>]) in
      state.isClosed = true
      defer {
        state.connection = nil
        state.waiters = nil
      }
      return (state.connection, state.waiters ?? [])
    }
    connection?.fail(TransportError.closed)
    for waiter in waiters { waiter.complete(.failure(TransportError.closed)) }
  }

  private func connect(attempts: Int) async {
    var outcome = await open()
    var delay = options.reconnectDelay
    for _ in 1..<attempts {
      guard case .failure(let error) = outcome, !isClosed else { break }
      guard error.code == .notReachable || error.code == .connectionLost else { break }
      // A random share of the pause keeps many clients from coming back at the same moment.
      try? await Task.sleep(for: delay * Double.random(in: 0.5...1))
      delay = min(delay * 2, options.reconnectDelayMax)
      outcome = await open()
    }
    finish(outcome)
  }

  private func finish(_ outcome: Result<(Connection, DaemonInfo), VecError>) {
    let (waiters, isClosed) = state.withLock { (state) -> ([OneShot<Connection>], Bool) in
      defer { state.waiters = nil }
      if case .success(let (connection, daemon)) = outcome, !state.isClosed {
        state.connection = connection
        state.daemon = daemon
      }
      return (state.waiters ?? [], state.isClosed)
    }
    if isClosed, case .success(let (connection, _)) = outcome { connection.fail(TransportError.closed) }
    for waiter in waiters { waiter.complete(outcome.map(\.0)) }
  }

  private func open() async -> Result<(Connection, DaemonInfo), VecError> {
    do throws(VecError) {
      let connection = try await dial()
      do throws(VecError) {
        return .success((connection, try await shakeHands(connection)))
      } catch {
        connection.fail(error)
        throw error
      }
    } catch { return .failure(error) }
  }

  private func dial() async throws(VecError) -> Connection {
    let path = socketPath
    do {
      return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(TimeAmount(options.connectTimeout))
        .connect(unixDomainSocketPath: path) { channel in
          channel.eventLoop.makeCompletedFuture {
            let connection = Connection(channel: channel, socketPath: path)
            try channel.pipeline.syncOperations.addHandler(FrameHandler(connection: connection))
            return connection
          }
        }
    } catch {
      throw TransportError.connecting(error, socketPath: path)
    }
  }

  private func shakeHands(_ connection: Connection) async throws(VecError) -> DaemonInfo {
    let deadline = CallDeadline(options.connectTimeout, grace: .zero)
    let reply = try await connection.call(.hello(HelloRequest(clientName: options.name)), deadline: deadline)
    guard case .hello(let hello) = reply else { throw Connection.unexpected(reply) }
    guard hello.version == WireProtocol.version else {
      throw VecError(
        .unsupportedVersion,
        "the daemon at \(socketPath) chose version \(hello.version), this client speaks \(WireProtocol.version)"
      )
    }
    guard hello.inFlightLimit >= 1 else {
      throw VecError(.malformedFrame, "the daemon at \(socketPath) allows no request in flight")
    }
    connection.open(inFlightLimit: Int(hello.inFlightLimit), frameBodyLimit: Int(hello.frameBodyLimit))
    return DaemonInfo(
      version: hello.daemon, protocolVersion: Int(hello.version), frameBodyBytesMax: Int(hello.frameBodyLimit),
      inFlightMax: Int(hello.inFlightLimit), kMax: Int(hello.kMax), dimensionMax: Int(hello.dimensionMax))
  }
}
