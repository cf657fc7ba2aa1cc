import VecCore
import VecKernels

/// The codes of a batch's vectors, array by array, for the scans of flat and of lists.
final class VectorCodes {
  let stride: Int
  let queries: [QueryCode]
  let bounds: [CodeBound]
  /// For vectors that are compared one by one.
  private let single: CodeColumns
  /// For those that share register tiles, whose codes may have to be shorter. What bounds say of a score is the same for
  /// both, only how far they reach is not.
  private(set) lazy var tiled = tileMost < RowCode.most ? given.columns(most: tileMost, padded: padded) : single

  private let given: GivenVectors
  private let padded: Int
  private let tileMost: Int

  /// - Parameters:
  ///   - vectors: `count` of them, which outlive this.
  ///   - padded: entries of the columns, `count` or more; those beyond `count` are zero.
  ///   - pool: of the same vectors.
  ///   - greatestBias: not below the magnitude of any row's bias.
  ///   - certainty: of the bounds.
  init(
    kernels: CodeKernels, metric: Metric, queries vectors: UnsafePointer<Float>, count: Int, padded: Int, dimension: Int,
    pool: CandidatePool, greatestBias: Float = 0, certainty: Certainty = .proven
  ) {
    given = GivenVectors(
      metric: metric, base: vectors, dimension: dimension, norms: (0..<count).map { pool.norm($0) },
      greatestBias: greatestBias, share: certainty.share(dimension: dimension))
    self.padded = padded
    tileMost = kernels.tileQueryMax
    stride = RowCode.stride(dimension: dimension)
    (queries, bounds) = given.coded(most: RowCode.most)
    single = CodeColumns(queries, bounds, padded: padded, stride: stride)
  }

  /// One vector for the kernels that take a single one.
  func single(_ vector: Int, thresholds: UnsafePointer<Float>) -> CodeGroup {
    CodeGroup(
      packed: single.codes.base + vector * stride, vectors: 1, bias: single.bias.base + vector,
      scale: single.scale.base + vector, errorWeight: single.errorWeight.base + vector,
      lengthWeight: single.lengthWeight.base + vector, least: thresholds + vector)
  }

  /// The same for sketches.
  func sketchQuery(_ vector: Int, thresholds: UnsafePointer<Float>) -> SketchQuery {
    SketchQuery(
      codes: single.codes.base + vector * stride, bias: queries[vector].sketchBias, scale: single.scale.base[vector],
      errorWeight: single.errorWeight.base[vector], lengthWeight: single.lengthWeight.base[vector],
      least: thresholds[vector])
  }
}

/// What codes are made of.
private struct GivenVectors {
  let metric: Metric
  let base: UnsafePointer<Float>
  let dimension: Int
  /// One per vector.
  let norms: [Double]
  let greatestBias: Float
  /// Of the bounds.
  let share: Double

  /// - Parameter most: the greatest code.
  func coded(most: Int) -> (queries: [QueryCode], bounds: [CodeBound]) {
    let queries = norms.indices.map {
      QueryCode(base + $0 * dimension, dimension: dimension, metric: metric, most: most)
    }
    let bounds = zip(norms, queries).map {
      CodeBound(metric: metric, queryNorm: $0, code: $1, greatestBias: greatestBias, share: share)
    }
    return (queries, bounds)
  }

  func columns(most: Int, padded: Int) -> CodeColumns {
    let (queries, bounds) = coded(most: most)
    return CodeColumns(queries, bounds, padded: padded, stride: RowCode.stride(dimension: dimension))
  }
}

/// The codes of some vectors and what goes with them, column by column.
final class CodeColumns {
  /// `stride` bytes per vector.
  let codes: Scratch<Int8>
  let bias: Scratch<Int32>
  let scale: Scratch<Float>
  let errorWeight: Scratch<Float>
  let lengthWeight: Scratch<Float>

  init(_ queries: [QueryCode], _ bounds: [CodeBound], padded: Int, stride: Int) {
    codes = Scratch(queries.count * stride)
    bias = Scratch(padded)
    scale = Scratch(padded)
    errorWeight = Scratch(padded)
    lengthWeight = Scratch(padded)
    bias.base.initialize(repeating: 0, count: padded)
    for factors in [scale.base, errorWeight.base, lengthWeight.base] {
      factors.initialize(repeating: 0, count: padded)
    }
    for (vector, query) in queries.enumerated() {
      query.codes.withUnsafeBufferPointer {
        if let from = $0.baseAddress { (codes.base + vector * stride).update(from: from, count: stride) }
      }
      bias.base[vector] = query.bias
      scale.base[vector] = query.scale
      errorWeight.base[vector] = bounds[vector].errorWeight
      lengthWeight.base[vector] = bounds[vector].lengthWeight
    }
  }
}
