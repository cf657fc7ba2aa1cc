import Synchronization
import VecCore

/// Who holds how much of the memory that the engine was given. Any thread may call.
///
/// Codes of segments ask, and are not made when there is no room: searches then read the vectors themselves, slower and
/// with the same answers. What cannot do without, a graph or a build, takes its share unasked, so that codes give way.
final class MemoryLedger: Sendable {
  let budget: Int
  private let held = Mutex(0)

  init(budget: Int) { self.budget = budget }

  var heldByteCount: Int { held.withLock { $0 } }

  /// Takes bytes if there is room for them.
  func ask(_ byteCount: Int) -> Bool {
    held.withLock { held in
      guard byteCount <= budget - held else { return false }
      held += byteCount
      return true
    }
  }

  func take(_ byteCount: Int) { held.withLock { $0 += byteCount } }

  func giveBack(_ byteCount: Int) { held.withLock { $0 -= byteCount } }
}
