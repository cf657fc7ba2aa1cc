import Glibc
import NIOCore
import VecCore

/// The one place where failures of sockets become a `VecError`.
enum TransportError {
  /// Refuses a path that no socket can have.
  static func check(socketPath: String) throws(VecError) {
    let byteCount = socketPath.utf8.count
    guard byteCount <= Limits.socketPathBytesMax else {
      throw VecError(
        .invalidArgument,
        "socket path of \(byteCount) bytes: Unix sockets take at most \(Limits.socketPathBytesMax); "
          + "use a shorter path or a symbolic link to the directory")
    }
    guard byteCount > 0, !socketPath.utf8.contains(0) else {
      throw VecError(.invalidArgument, "socket path \(Names.quoted(socketPath)): must not be empty or hold a NUL")
    }
  }

  /// Why no connection could be made.
  static func connecting(_ error: any Error, socketPath: String) -> VecError {
    if let error = error as? VecError { return error }
    let start = "start the daemon with: vecd serve --store DIR --socket \(socketPath)"
    guard let number = (error as? IOError)?.errnoCode else {
      return VecError(.notReachable, "no daemon answers at socket \(socketPath) (\(error)); \(start)")
    }
    switch number {
    case EACCES, EPERM:
      return VecError(
        .permissionDenied, "socket \(socketPath): this user may not connect; use the account that owns the daemon")
    case ENOENT:
      return VecError(.notReachable, "no daemon listens at socket \(socketPath): there is no such file; \(start)")
    case ECONNREFUSED:
      return VecError(
        .notReachable, "no daemon listens at socket \(socketPath): the socket is left from an earlier one; \(start)")
    default:
      return VecError(.notReachable, "socket \(socketPath): connecting failed with errno \(number); \(start)")
    }
  }

  static func lost(socketPath: String) -> VecError {
    VecError(
      .connectionLost,
      "the connection to \(socketPath) ended before the answer came; a write may or may not have happened")
  }

  static let closed = VecError(.connectionLost, "this client was closed; connect a new one")

  static func deadline(_ what: String) -> VecError {
    VecError(.deadlineExceeded, "\(what): no answer within the deadline")
  }
}

/// The end of a call's patience on a monotonic clock.
struct CallDeadline: Sendable {
  /// When the daemon shall have given up.
  let deadline: NIODeadline
  /// When the client gives up by itself.
  let expiry: NIODeadline

  init(_ duration: Duration, grace: Duration) {
    // A hundred days is as good as never, and far from overflow.
    let amount = TimeAmount(min(max(duration, .milliseconds(1)), .seconds(8_640_000)))
    deadline = .now() + amount
    expiry = deadline + TimeAmount(min(max(grace, .zero), .seconds(3600)))
  }

  /// For the frame: what is left, at least one millisecond.
  var milliseconds: UInt32 {
    let nanoseconds = (deadline - .now()).nanoseconds
    return UInt32(clamping: max(1, (nanoseconds + 999_999) / 1_000_000))
  }
}
