import Glibc
import VecCore

/// Room on the disk that is held back, so that a full disk can still be told to forget something: deletes, drops and
/// compactions are written too.
///
/// A file beside the manifest with blocks and no content. It is given up piece by piece for changes that make room, lent
/// but for one piece to a compaction, and must be had back before anything is added: what is freed is held back first.
/// Nothing of it needs to be durable.
struct Ballast {
  private let path: String
  private let wanted: Int
  private var held = 0
  /// Nil until the first `fill`, and where none is wanted.
  private var file: Int32?
  /// What was held before a loan; nil when there is none.
  private var heldBeforeLoan: Int?

  /// - Parameter byteCount: 0 for none.
  init(path: String, byteCount: Int) {
    self.path = path
    wanted = byteCount
  }

  var heldByteCount: Int { held }

  /// A sixteenth, in whole pages: what one change may need, and what is never lent.
  private var piece: Int { (wanted / 16 + 4095) / 4096 * 4096 }

  /// Holds the room back, unless that is so already. `.storageFull` when there is not so much, or while it is lent.
  mutating func fill() throws(VecError) {
    guard wanted > 0, held < wanted else { return }
    guard heldBeforeLoan == nil else {
      throw VecError(.storageFull, "a compaction has the room that is held back in \(path): try again when it has ended")
    }
    try grow(to: wanted)
  }

  /// Gives up one piece of the room. False when none was left.
  mutating func spend() -> Bool { shrink(to: max(0, held - piece)) }

  /// Gives up all but the last piece until `takeBack`. False when there was no more.
  mutating func lend() -> Bool {
    let before = held
    guard heldBeforeLoan == nil, shrink(to: min(held, piece)) else { return false }
    heldBeforeLoan = before
    return true
  }

  /// Ends a loan: what was lent is held back again, if it is there. `.storageFull` when it is not.
  mutating func takeBack() throws(VecError) {
    guard let before = heldBeforeLoan else { return }
    heldBeforeLoan = nil
    if before > held { try grow(to: before) }
  }

  /// Leaves the room held back for the next start.
  mutating func close() {
    if let file { _ = Glibc.close(file) }
    (file, held) = (nil, 0)
  }

  private mutating func grow(to byteCount: Int) throws(VecError) {
    let file = try opened()
    // Writes zeros where the file system cannot do it at a stroke.
    var number: Int32
    repeat { number = posix_fallocate(file, 0, off_t(byteCount)) } while number == EINTR
    guard number == 0 else {
      _ = ftruncate(file, off_t(held))
      throw failure("hold room with", number)
    }
    held = byteCount
  }

  private mutating func shrink(to byteCount: Int) -> Bool {
    guard let file, byteCount < held, ftruncate(file, off_t(byteCount)) == 0 else { return false }
    held = byteCount
    return true
  }

  private mutating func opened() throws(VecError) -> Int32 {
    if let file { return file }
    let made = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard made >= 0 else { throw failure("create", errno) }
    file = made
    // An earlier start may have held back more, or less: on a disk that is full by now that is what there is.
    var status = stat()
    guard fstat(made, &status) == 0 else { return made }
    if status.st_size > wanted { _ = ftruncate(made, off_t(wanted)) }
    held = min(wanted, Int(status.st_size), Int(status.st_blocks) * 512)
    return made
  }

  private func failure(_ call: String, _ number: Int32) -> VecError {
    let isFull = [ENOSPC, EDQUOT, EFBIG].contains(number)
    return VecError(
      isFull ? .storageFull : .ioError,
      "cannot \(call) \(path): \(String(cString: strerror(number)))"
        + (isFull
          ? "; the last \(wanted) bytes are kept for deletes, drops and compactions: free some space, or start vecd "
            + "with a smaller --ballast"
          : ""))
  }
}
