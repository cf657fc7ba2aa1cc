import VecCore
import VecKernels

/// The codes of a batch's vectors, array by array, for the scans of flat and of lists.
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

  /// - Parameters:
  ///   - padded: entries of the arrays, `count` or more; those beyond `count` are zero.
  ///   - pool: of the same vectors.
  ///   - greatestBias: not below the magnitude of any row's bias.
  init(
    metric: Metric, queries given: UnsafePointer<Float>, count: Int, padded: Int, dimension: Int, pool: CandidatePool,
    greatestBias: Float = 0
  ) {
    stride = RowCode.stride(dimension: dimension)
    codes = Scratch(count * stride)
    bias = Scratch(padded)
    scale = Scratch(padded)
    errorWeight = Scratch(padded)
    lengthWeight = Scratch(padded)
    bias.base.initialize(repeating: 0, count: padded)
    for factors in [scale.base, errorWeight.base, lengthWeight.base] {
      factors.initialize(repeating: 0, count: padded)
    }
    queries = (0..<count).map { QueryCode(given + $0 * dimension, dimension: dimension, metric: metric) }
    bounds = queries.indices.map { [queries] in
      CodeBound(metric: metric, queryNorm: pool.norm($0), code: queries[$0], greatestBias: greatestBias)
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

  /// The same for sketches.
  func sketchQuery(_ vector: Int, thresholds: UnsafePointer<Float>) -> SketchQuery {
    SketchQuery(
      codes: codes.base + vector * stride, bias: queries[vector].sketchBias, scale: scale.base[vector],
      errorWeight: errorWeight.base[vector], lengthWeight: lengthWeight.base[vector], least: thresholds[vector])
  }
}
