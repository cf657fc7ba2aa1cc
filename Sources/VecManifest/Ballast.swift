import Glibc
import VecCore

/// Room on the disk that is held back, so that a full disk can still be told to forget something: deletes and drops are
/// written too.
///
/// A file beside the manifest with blocks and no content. It is given up for a change that makes room, and must be had
/// back before anything is added: what is freed is held back first. Nothing of it needs to be durable.
struct Ballast {
  private let path: String
  private let wanted: Int
  /// Nil as long as there is none, and where none is wanted.
  private var file: Int32?

  /// - Parameter byteCount: 0 for none.
  init(path: String, byteCount: Int) {
    self.path = path
    wanted = byteCount
  }

  var heldByteCount: Int { file == nil ? 0 : wanted }

  /// Holds the room back, unless that is so already. `.storageFull` when there is not so much.
  mutating func fill() throws(VecError) {
    guard wanted > 0, file == nil else { return }
    let made = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard made >= 0 else { throw failure("create", errno) }
    // Writes zeros where the file system cannot do it at a stroke.
    var number: Int32
    repeat { number = posix_fallocate(made, 0, off_t(wanted)) } while number == EINTR
    guard number == 0 else {
      _ = ftruncate(made, 0)
      _ = Glibc.close(made)
      throw failure("hold room with", number)
    }
    file = made
  }

  /// Gives the room up. False when there was none.
  mutating func spend() -> Bool {
    guard let file else { return false }
    self.file = nil
    defer { _ = Glibc.close(file) }
    return ftruncate(file, 0) == 0
  }

  /// Leaves the room held back for the next start.
  mutating func close() {
    if let file { _ = Glibc.close(file) }
    file = nil
  }

  private func failure(_ call: String, _ number: Int32) -> VecError {
    let isFull = number == ENOSPC || number == EDQUOT
    return VecError(
      isFull ? .storageFull : .ioError,
      "cannot \(call) \(path): \(String(cString: strerror(number)))"
        + (isFull ? "; the last \(wanted) bytes are kept for deletes and drops, free some space" : ""))
  }
}
