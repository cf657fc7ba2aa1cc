import CVecKernels

/// A row of coded ones that may matter to a query, with proven bounds of its score in the units of `CodeBound`.
package struct CodeHit: BitwiseCopyable, Sendable, Equatable {
  /// Row within the block, times the lanes of the group, plus the lane.
  package var position: UInt32
  package var upper: Float
  package var lower: Float
}

/// Where the factors of a plane's rows lie, one array each; see `RowCode.Factors`.
package struct CodeFactors {
  package let scale: UnsafePointer<Float>
  package let error: UnsafePointer<Float>
  package let length: UnsafePointer<Float>
  /// Nil for zeros: under ip and cosine.
  package let offset: UnsafePointer<Float>?

  package init(
    scale: UnsafePointer<Float>, error: UnsafePointer<Float>, length: UnsafePointer<Float>,
    offset: UnsafePointer<Float>?
  ) {
    self.scale = scale
    self.error = error
    self.length = length
    self.offset = offset
  }

  var table: vk_code_factors { vk_code_factors(scale: scale, error: error, length: length, offset: offset) }
}

/// A few queries side by side for the kernels of byte codes; borrowed memory. Arrays have `vectors * width` entries.
package struct CodeGroup {
  /// `[stride / 4][lanes][4]` codes.
  package var packed: UnsafePointer<Int8>
  /// Registers of queries: 1 or 2.
  package var vectors: Int
  package var bias: UnsafePointer<Int32>
  package var scale: UnsafePointer<Float>
  package var errorWeight: UnsafePointer<Float>
  package var lengthWeight: UnsafePointer<Float>
  /// The upper bound a row needs to be a hit; +infinity for unused lanes.
  package var least: UnsafePointer<Float>

  package init(
    packed: UnsafePointer<Int8>, vectors: Int, bias: UnsafePointer<Int32>, scale: UnsafePointer<Float>,
    errorWeight: UnsafePointer<Float>, lengthWeight: UnsafePointer<Float>, least: UnsafePointer<Float>
  ) {
    self.packed = packed
    self.vectors = vectors
    self.bias = bias
    self.scale = scale
    self.errorWeight = errorWeight
    self.lengthWeight = lengthWeight
    self.least = least
  }

  var table: vk_code_group {
    vk_code_group(
      packed: packed, vectors: vectors, bias: bias, scale: scale, error_weight: errorWeight,
      length_weight: lengthWeight, least: least)
  }
}

/// The kernels over byte codes of one CPU tier. Products are exact integers, the same in every tier. Nothing is checked
/// here but the tier: callers vouch for lengths. Pointers may have any alignment; rows of whole cache lines are fastest.
package struct CodeKernels: Sendable {
  package let tier: CodeTier
  /// Queries that one vector register holds side by side.
  package let width: Int
  /// Rows that `peaks` joins.
  package let tileRows: Int
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
    guard let table = vk_code_kernels_for(tier.rawValue) else { return nil }
    self.tier = tier
    self.table = table
    width = Int(table.pointee.width)
    tileRows = Int(table.pointee.tile_rows)
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

  /// Finds the rows `first..<(first + count)` whose upper bound reaches their lane's `least`, and returns how many.
  /// - Parameters:
  ///   - codes: of row `first`.
  ///   - factors: of the whole plane.
  ///   - out: room for `count * lanes`; positions count rows from `first`.
  package func hits(
    _ group: CodeGroup, codes: UnsafePointer<UInt8>, factors: CodeFactors, first: Int, count: Int, stride: Int,
    out: UnsafeMutablePointer<CodeHit>
  ) -> Int {
    var lanes = group.table
    var table = factors.table
    return UnsafeMutableRawPointer(out).withMemoryRebound(to: vk_code_hit.self, capacity: 1) {
      self.table.pointee.tile_hits(&lanes, codes, &table, first, count, stride, $0)
    }
  }

  /// The same for lane 0 alone, from the `dots` of the rows. Positions are rows counted from `first`.
  package func hits(
    _ group: CodeGroup, dots: UnsafePointer<Int32>, factors: CodeFactors, first: Int, count: Int,
    out: UnsafeMutablePointer<CodeHit>
  ) -> Int {
    var lanes = group.table
    var table = factors.table
    return UnsafeMutableRawPointer(out).withMemoryRebound(to: vk_code_hit.self, capacity: 1) {
      self.table.pointee.row_hits(&lanes, dots, &table, first, count, $0)
    }
  }

  /// The best approximate score per lane of every `tileRows` rows: `out[count / tileRows][lanes]`.
  package func peaks(
    _ group: CodeGroup, codes: UnsafePointer<UInt8>, factors: CodeFactors, first: Int, count: Int, stride: Int,
    out: UnsafeMutablePointer<Float>
  ) {
    var lanes = group.table
    var table = factors.table
    self.table.pointee.tile_peaks(&lanes, codes, &table, first, count, stride, out)
  }
}
