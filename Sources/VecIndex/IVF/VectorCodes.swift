import VecCore
import VecKernels

/// The codes of a batch's vectors, array by array.
final class VectorCodes {
  let stride: Int
  let queries: [QueryCode]
  let bounds: [CodeBound]
  /// `stride` bytes per vector.
  let codes: Scratch<Int8>
  let bias: Scratch<Int32>
  let scale: Scratch<Float>
  let errorWeight: Scratch<Float>
  let lengthWeight: Scratch<Float>

  /// - Parameter pool: of the same vectors.
  init(metric: Metric, queries given: UnsafePointer<Float>, count: Int, dimension: Int, pool: CandidatePool) {
    stride = RowCode.stride(dimension: dimension)
    codes = Scratch(count * stride)
    bias = Scratch(count)
    scale = Scratch(count)
    errorWeight = Scratch(count)
    lengthWeight = Scratch(count)
    queries = (0..<count).map { QueryCode(given + $0 * dimension, dimension: dimension, metric: metric) }
    bounds = queries.indices.map { [queries] in
      CodeBound(metric: metric, queryNorm: pool.norm($0), code: queries[$0])
    }
    for vector in 0..<count {
      for at in 0..<stride { codes.base[vector * stride + at] = queries[vector].codes[at] }
      bias.base[vector] = queries[vector].bias
      scale.base[vector] = queries[vector].scale
      errorWeight.base[vector] = bounds[vector].errorWeight
      lengthWeight.base[vector] = bounds[vector].lengthWeight
    }
  }

  /// One vector for the kernels that take a single one.
  func single(_ vector: Int, thresholds: UnsafePointer<Float>) -> CodeGroup {
    CodeGroup(
      packed: codes.base + vector * stride, vectors: 1, bias: bias.base + vector, scale: scale.base + vector,
      errorWeight: errorWeight.base + vector, lengthWeight: lengthWeight.base + vector, least: thresholds + vector)
  }
}
