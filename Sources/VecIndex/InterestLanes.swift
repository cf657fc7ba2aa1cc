import VecCore

/// The vectors of a request with a power of two of them per query, so that those of a query share one group of lanes: where
/// interests are fewer, the first one is repeated, which changes no best score and no first interest that has it.
final class InterestLanes {
  /// Vectors per query.
  let interests: Int
  let base: UnsafePointer<Float>
  private let padded: Scratch<Float>

  /// - Parameter queries: `count * interests` vectors of `dimension` values; they outlive the lanes.
  init(_ queries: UnsafePointer<Float>, count: Int, interests: Int, dimension: Int) {
    let width = 1 << (Int.bitWidth - (interests - 1).leadingZeroBitCount)
    self.interests = width
    guard width > interests else {
      padded = Scratch(0)
      base = queries
      return
    }
    padded = Scratch(count * width * dimension)
    for query in 0..<count {
      for lane in 0..<width {
        let from = queries + (query * interests + (lane < interests ? lane : 0)) * dimension
        (padded.base + (query * width + lane) * dimension).update(from: from, count: dimension)
      }
    }
    base = UnsafePointer(padded.base)
  }
}
