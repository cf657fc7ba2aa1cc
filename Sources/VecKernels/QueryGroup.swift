/// A few queries packed side by side for the tile kernels: `packed[dimension][lanes]`, unused lanes zero.
package enum QueryGroup {
  /// The queries of a full group: two registers of them.
  package static func lanes(_ kernels: Kernels) -> Int { 2 * kernels.width }

  /// Registers that `count` queries need: 1 or 2.
  package static func vectors(_ count: Int, _ kernels: Kernels) -> Int { count > kernels.width ? 2 : 1 }

  /// Transposes `count` queries of `dimension` values, `count` at most `lanes`, into `packed[dimension * lanes]`.
  package static func pack(
    _ queries: UnsafePointer<Float>, count: Int, dimension: Int, lanes: Int, into packed: UnsafeMutablePointer<Float>
  ) {
    packed.update(repeating: 0, count: dimension * lanes)
    for lane in 0..<count {
      let query = queries + lane * dimension
      for component in 0..<dimension { packed[component * lanes + lane] = query[component] }
    }
  }
}
