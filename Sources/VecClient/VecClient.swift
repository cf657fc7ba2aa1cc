public import VecCore
import VecProtocol

/// A connection to a vecd daemon over its Unix socket.
///
/// ```swift
/// let client = try await VecClient.connect(socketPath: "/run/vecd/vecd.sock")
/// let reply = try await client.search(
///   SearchRequest(collection: "videos", k: 200, effort: .recall(0.95), dimension: 64, vectors: user))
/// ```
/// One client serves any number of tasks at once: their requests share the connection, and replies come in any order.
/// A lost connection is made again by the next call. Calls that only read, and upserts and deletes, which have a token,
/// are asked once more on the new connection; others fail with `connection-lost`, since nobody knows whether they happened.
///
/// Every method throws `VecError` with a code of the closed list `VecErrorCode`, among them, for each method,
/// `not-reachable`, `connection-lost`, `overloaded`, `shutting-down` and `deadline-exceeded`. The last is also what a
/// call throws whose task is cancelled. `deadline` is the time that a call may take; nil is that of the options.
public final class VecClient: Sendable {
  let link: Link

  private init(link: Link) { self.link = link }

  deinit { link.close() }

  /// Connects and shakes hands.
  ///
  /// - Parameter socketPath: at most 107 bytes.
  /// - Throws: `invalid-argument` for a path that no socket can have, `not-reachable` when no daemon listens there,
  ///   `permission-denied`, `unsupported-version`.
  public static func connect(
    socketPath: String, options: VecClientOptions = VecClientOptions()
  ) async throws(VecError) -> VecClient {
    try TransportError.check(socketPath: socketPath)
    let link = Link(socketPath: socketPath, options: options)
    _ = try await link.connection(deadline: nil, attempts: 1)
    return VecClient(link: link)
  }

  public var socketPath: String { link.socketPath }

  /// What the daemon said of itself when the present connection was made.
  public var daemon: DaemonInfo? { link.daemon }

  /// Closes the connection. Calls under way end with `connection-lost`, and so do all later ones.
  public func close() { link.close() }

  /// Sends a request and waits for its reply, on a new connection if it must be.
  func call(_ request: Request, deadline: Duration?) async throws(VecError) -> Reply {
    try request.check()
    let callDeadline = self.deadline(for: request.kind, deadline)
    let attempts = link.options.reconnectAttempts
    let connection = try await link.connection(deadline: callDeadline, attempts: attempts)
    do throws(VecError) {
      return try await connection.call(request, deadline: callDeadline)
    } catch {
      guard error.code == .connectionLost, request.isIdempotent, !link.isClosed else { throw error }
      let again: Connection
      do throws(VecError) {
        again = try await link.connection(deadline: callDeadline, attempts: attempts)
      } catch let failure {
        // Of a write that was on its way, `not-reachable` would say that nothing has happened.
        throw request.kind.isIdempotent ? failure : error
      }
      return try await again.call(request, deadline: callDeadline)
    }
  }

  func deadline(for kind: MessageKind, _ duration: Duration?) -> CallDeadline? {
    let effective = duration ?? (kind.hasDefaultDeadline ? link.options.deadline : nil)
    return effective.map { CallDeadline($0, grace: link.options.deadlineGrace) }
  }
}
