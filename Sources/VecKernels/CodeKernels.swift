import CVecKernels

/// The kernels over byte codes of one CPU tier. Products are exact integers, the same in every tier. Nothing is checked
/// here but the tier: callers vouch for lengths. Pointers may have any alignment; rows of whole cache lines are
/// fastest.
package struct CodeKernels: Sendable {
  package let tier: CodeTier
  /// Queries that one vector register holds side by side.
  package let width: Int
  /// Rows that `peaks` joins.
  package let tileRows: Int
  /// Greatest query code of a `CodeGroup` that goes over tiles.
  package let tileQueryMax: Int
  // The table is a `static const` of the C module: never written, never freed.
  nonisolated(unsafe) private let table: UnsafePointer<vk_code_kernels>

  /// The fastest code kernels that go with a float32 tier.
  package init(within tier: KernelTier) {
    guard let best = CodeKernels(tier: .best(within: tier)) else {
      preconditionFailure("the scalar kernels are part of every build")
    }
    self = best
  }

  /// Nil when this CPU cannot run the tier.
  package init?(tier: CodeTier) {
    guard let known = Self.known[Int(tier.rawValue)] else { return nil }
    self = known
  }

  /// By tier. Asked once, not by every search: a virtual machine has to be left for the answer of cpuid.
  private static let known = CodeTier.allCases.map { CodeKernels(asking: $0) }

  private init?(asking tier: CodeTier) {
    guard let table = vk_code_kernels_for(tier.rawValue) else { return nil }
    self.tier = tier
    self.table = table
    width = Int(table.pointee.width)
    tileRows = Int(table.pointee.tile_rows)
    tileQueryMax = Int(table.pointee.tile_query_max)
  }

  /// Sums of products of the centred codes of `count` rows, one after the other, with those of a query: `out[count]`.
  /// The approximate score under ip and cosine is `query.scale * factors.scale[row] * Float(out[i])`.
  package func dots(
    _ query: UnsafePointer<Int8>, bias: Int32, codes: UnsafePointer<UInt8>, count: Int, stride: Int,
    out: UnsafeMutablePointer<Int32>
  ) {
    table.pointee.dot_rows(query, bias, codes, count, stride, out)
  }

  /// The same for rows given by number, fetched ahead of their use.
  package func dots(
    _ query: UnsafePointer<Int8>, bias: Int32, codes: UnsafePointer<UInt8>, stride: Int,
    rows: UnsafeBufferPointer<UInt32>, out: UnsafeMutablePointer<Int32>
  ) {
    guard let numbers = rows.baseAddress else { return }
    table.pointee.dot_gather(query, bias, codes, stride, numbers, rows.count, out)
  }

  /// Brings a row's factors into the cache.
  @inline(__always)
  package func prefetch(_ factors: UnsafePointer<CodeFactors>) { vk_prefetch_bytes(factors, 1) }

  /// Finds the rows `first..<(first + count)` whose upper bound reaches their lane's `least`, and returns how many.
  /// - Parameters:
  ///   - codes: of row `first`.
  ///   - factors: of the whole plane.
  ///   - out: room for `count * lanes`; positions count rows from `first`.
  package func hits(
    _ group: CodeGroup, codes: UnsafePointer<UInt8>, factors: UnsafePointer<CodeFactors>, first: Int, count: Int,
    stride: Int, out: UnsafeMutablePointer<CodeHit>
  ) -> Int {
    var lanes = group.table
    return withRebound(out, factors) { table.pointee.tile_hits(&lanes, codes, $1, first, count, stride, $0) }
  }

  /// The same for lane 0 alone, from the `dots` of the rows. Positions are rows counted from `first`.
  package func hits(
    _ group: CodeGroup, dots: UnsafePointer<Int32>, factors: UnsafePointer<CodeFactors>, first: Int, count: Int,
    out: UnsafeMutablePointer<CodeHit>
  ) -> Int {
    var lanes = group.table
    return withRebound(out, factors) { table.pointee.row_hits(&lanes, dots, $1, first, count, $0) }
  }

  /// The same for rows given by number, one product each. Positions are row numbers.
  package func hits(
    _ group: CodeGroup, dots: UnsafePointer<Int32>, factors: UnsafePointer<CodeFactors>,
    rows: UnsafeBufferPointer<UInt32>, out: UnsafeMutablePointer<CodeHit>
  ) -> Int {
    var lanes = group.table
    return withRebound(out, factors) {
      table.pointee.gather_hits(&lanes, dots, $1, rows.baseAddress, rows.count, $0)
    }
  }

  /// Rows of `first..<(first + count)` whose upper bound by sketch reaches `query.least`, ascending; `out[count]`.
  /// - Parameters:
  ///   - allowed: bit `row % 64` of word `row / 64` is set where the row may be found; nil for all. Blocks without any are
  ///     passed over.
  ///   - first: a multiple of `RowSketch.blockRows`.
  package func hits(
    _ query: SketchQuery, sketches: SketchRows, allowed: UnsafePointer<UInt64>? = nil, first: Int, count: Int,
    out: UnsafeMutablePointer<UInt32>
  ) -> Int {
    var asked = query.table
    var rows = sketches.table
    return table.pointee.sketch_hits(&asked, 1, &rows, allowed, first, count, out)
  }

  /// The same for rows that reach it under any of several queries, one at least.
  package func hits(
    _ queries: [SketchQuery], sketches: SketchRows, allowed: UnsafePointer<UInt64>? = nil, first: Int, count: Int,
    out: UnsafeMutablePointer<UInt32>
  ) -> Int {
    withUnsafeTemporaryAllocation(of: vk_sketch_query.self, capacity: queries.count) { asked in
      for (index, query) in queries.enumerated() { asked[index] = query.table }
      var rows = sketches.table
      return table.pointee.sketch_hits(asked.baseAddress, queries.count, &rows, allowed, first, count, out)
    }
  }

  /// Scores by sketch of the same rows and how far the true ones, in the same unit, can lie from them. Both buffers
  /// have room for `count` rounded up to whole blocks.
  package func scores(
    _ query: SketchQuery, sketches: SketchRows, first: Int, count: Int, scores: UnsafeMutablePointer<Float>,
    slacks: UnsafeMutablePointer<Float>
  ) {
    var asked = query.table
    var rows = sketches.table
    table.pointee.sketch_scores(&asked, &rows, first, count, scores, slacks)
  }

  // CodeHit and CodeFactors are the C structs under Swift names.
  private func withRebound(
    _ hits: UnsafeMutablePointer<CodeHit>, _ factors: UnsafePointer<CodeFactors>,
    _ body: (UnsafeMutablePointer<vk_code_hit>, UnsafePointer<vk_code_factors>) -> Int
  ) -> Int {
    hits.withMemoryRebound(to: vk_code_hit.self, capacity: 1) { hits in
      factors.withMemoryRebound(to: vk_code_factors.self, capacity: 1) { body(hits, $0) }
    }
  }

  /// The best approximate score per lane of every `tileRows` rows: `out[count / tileRows][lanes]`.
  package func peaks(
    _ group: CodeGroup, codes: UnsafePointer<UInt8>, factors: UnsafePointer<CodeFactors>, first: Int, count: Int,
    stride: Int, out: UnsafeMutablePointer<Float>
  ) {
    var lanes = group.table
    factors.withMemoryRebound(to: vk_code_factors.self, capacity: 1) {
      table.pointee.tile_peaks(&lanes, codes, $0, first, count, stride, out)
    }
  }
}
