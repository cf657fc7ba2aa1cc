package import Glibc
package import VecCore

/// The daemon's listening address: a Unix socket at a path, and the lock that says who may replace it.
///
/// The order matters. The lock file beside the socket is locked first and never unlinked, so two daemons cannot both
/// think the other's socket is stale. The mode is set on the descriptor before `bind` gives it a name, so there is no
/// moment in which another user could connect. `listen` is the caller's last step (NIO does it).
///
/// Thread rule: made and removed by one thread at a time.
package final class ListenSocket: @unchecked Sendable {  // descriptors change only in `remove`, called once at stop
  package let path: String
  private var descriptor: Int32
  private var lockDescriptor: Int32
  /// What `bind` made, so that `remove` never takes away somebody else's file.
  private let identity: (device: UInt64, inode: UInt64)

  /// Binds `path`.
  ///
  /// - Parameter mode: 0600 unless other users are let in by name; then the peer check is what keeps out the rest.
  /// - Throws: `.invalidArgument` for a path that is empty, too long or holds NUL; `.storeInUse` when another process
  ///   holds the lock; `.cannotCreate` when a file that is no socket stands there or the directory refuses;
  ///   `.permissionDenied`.
  package init(path: String, mode: mode_t = 0o600) throws(VecError) {
    try Self.check(path)
    let lock = try Self.lock(path + ".lock")
    do {
      try Self.removeStale(path)
      descriptor = try Self.bound(path, mode)
      identity = try Self.fileIdentity(path)
    } catch {
      close(lock)
      throw error
    }
    lockDescriptor = lock
    self.path = path
  }

  /// Hands the bound descriptor over: from now on the caller closes it. Nil when it was handed over before.
  package func takeDescriptor() -> Int32? {
    defer { descriptor = -1 }
    return descriptor >= 0 ? descriptor : nil
  }

  /// Unlinks the socket if it is still ours, then gives up the lock. May be called twice.
  package func remove() {
    guard lockDescriptor >= 0 else { return }
    if let found = try? Self.fileIdentity(path), found == identity { unlink(path) }
    if descriptor >= 0 { close(descriptor) }
    flock(lockDescriptor, LOCK_UN)  // closing alone would leave it to a child that is just being started
    close(lockDescriptor)
    descriptor = -1
    lockDescriptor = -1
  }

  deinit { remove() }
}

extension ListenSocket {
  private static func check(_ path: String) throws(VecError) {
    let byteCount = path.utf8.count
    guard byteCount > 0, !path.utf8.contains(0) else {
      throw VecError(.invalidArgument, "socket path \(Names.quoted(path)): give a path without NUL bytes")
    }
    guard byteCount <= Limits.socketPathBytesMax else {
      throw VecError(
        .invalidArgument,
        "socket path \(Names.quoted(path)) has \(byteCount) bytes, at most \(Limits.socketPathBytesMax) fit; "
          + "name a shorter one with --socket")
    }
  }

  private static func lock(_ path: String) throws(VecError) -> Int32 {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw refusal("lock file", path, "open", errno) }
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      if code == EINTR { continue }
      close(descriptor)
      if code == EWOULDBLOCK {
        throw VecError(
          .storeInUse, "socket lock \(path) is held by another process; stop that daemon or choose another --socket")
      }
      throw refusal("lock file", path, "flock", code)
    }
    return descriptor
  }

  /// Only under the lock: what stands at the path was left behind by a daemon that is gone.
  private static func removeStale(_ path: String) throws(VecError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw refusal("socket", path, "lstat", errno)
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw VecError(
        .cannotCreate,
        "socket path \(path) is taken by a file that is not a socket; move it or choose another --socket")
    }
    guard unlink(path) == 0 else { throw refusal("stale socket", path, "unlink", errno) }
  }

  private static func bound(_ path: String, _ mode: mode_t) throws(VecError) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_UNIX, type, 0)
    guard descriptor >= 0 else { throw refusal("socket", path, "socket", errno) }
    guard fchmod(descriptor, mode) == 0 else {
      let code = errno
      close(descriptor)
      throw refusal("socket", path, "fchmod", code)
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else {
      let code = errno
      close(descriptor)
      throw refusal("socket", path, "bind", code)
    }
    // `bind` takes the umask off the mode, so what others are to have is given here; they are still checked by uid.
    if mode & 0o077 != 0, fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) != 0 {
      let code = errno
      unlink(path)
      close(descriptor)
      throw refusal("socket", path, "chmod", code)
    }
    return descriptor
  }

  private static func fileIdentity(_ path: String) throws(VecError) -> (device: UInt64, inode: UInt64) {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw refusal("socket", path, "lstat", errno) }
    return (UInt64(status.st_dev), UInt64(status.st_ino))
  }

  private static func refusal(_ what: String, _ path: String, _ call: String, _ code: Int32) -> VecError {
    let isPermission = code == EACCES || code == EPERM || code == EROFS
    return VecError(
      isPermission ? .permissionDenied : .cannotCreate,
      "\(what) \(path): \(call) failed with \(systemMessage(code)); choose a path in a directory this user may write")
  }
}

/// `errno 13 (Permission denied)`.
func systemMessage(_ code: Int32) -> String {
  guard let text = strerror(code) else { return "errno \(code)" }
  return "errno \(code) (\(String(cString: text)))"
}
