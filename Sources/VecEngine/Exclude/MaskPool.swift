import Synchronization
import VecCore
import VecIndex

/// Which rows of a segment a search may return, less some: a copy of the live rows that is changed for one search and
/// changed back. Copying a bit per row for every search would cost more than the search.
final class ScratchMask: @unchecked Sendable {  // one search at a time has it
  fileprivate let segment: UUID
  fileprivate let live: LiveRows
  private let words: UnsafeMutablePointer<UInt64>
  private var cleared: [Int] = []

  fileprivate init(_ segment: UUID, _ live: LiveRows) {
    self.segment = segment
    self.live = live
    words = .allocate(capacity: live.wordCount)
    live.copy(to: words)
  }

  deinit { words.deallocate() }

  fileprivate var byteCount: Int { live.wordCount * 8 }

  /// - Parameter rows: that count.
  fileprivate func clear(_ rows: [Int]) {
    for row in rows { words[row >> 6] &= ~(1 << UInt64(row & 63)) }
    cleared = rows
  }

  fileprivate func restore() {
    for row in cleared { words[row >> 6] |= 1 << UInt64(row & 63) }
    cleared = []
  }

  /// Good until the mask is given back.
  var mask: RowMask { RowMask(words, allowedCount: live.count - cleared.count) }
}

/// Scratch masks of searches that have ended, for those that come.
final class MaskPool: Sendable {
  private static let byteCountMax = 64 << 20
  /// Those given back last are last.
  private let masks = Mutex<[ScratchMask]>([])

  /// The live rows of a segment without some of them.
  ///
  /// - Parameter live: the same object as long as no row dies.
  func take(_ segment: UUID, live: LiveRows, without rows: [Int]) -> ScratchMask {
    let kept = masks.withLock { masks in
      masks.lastIndex { $0.segment == segment && $0.live === live }.map { masks.remove(at: $0) }
    }
    let mask = kept ?? ScratchMask(segment, live)
    mask.clear(rows)
    return mask
  }

  func giveBack(_ mask: ScratchMask) {
    mask.restore()
    // Those of rows that have died or segments that are gone are never asked for again, and leave from the front.
    // They are freed when the lock is given back.
    _ = masks.withLock { masks -> [ScratchMask] in
      masks.append(mask)
      var total = masks.reduce(0) { $0 + $1.byteCount }
      var gone = 0
      while total > Self.byteCountMax, gone < masks.count {
        total -= masks[gone].byteCount
        gone += 1
      }
      defer { masks.removeFirst(gone) }
      return Array(masks.prefix(gone))
    }
  }
}
