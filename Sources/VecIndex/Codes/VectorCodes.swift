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
  private(set) lazy var tiled = most < RowCode.most ? recoded() : single

  private let metric: Metric
  private let given: UnsafePointer<Float>
  private let dimension: Int
  private let padded: Int
  private let norms: [Double]
  private let greatestBias: Float
  /// The greatest code of a tile.
  private let most: Int

  /// - Parameters:
  ///   - given: the vectors, which outlive this.
  ///   - padded: entries of the columns, `count` or more; those beyond `count` are zero.
  ///   - pool: of the same vectors.
  ///   - greatestBias: not below the magnitude of any row's bias.
  init(
    kernels: CodeKernels, metric: Metric, queries given: UnsafePointer<Float>, count: Int, padded: Int, dimension: Int,
    pool: CandidatePool, greatestBias: Float = 0
  ) {
    self.metric = metric
    self.given = given
    self.dimension = dimension
    self.padded = padded
    self.greatestBias = greatestBias
    most = kernels.tileQueryMax
    norms = (0..<count).map { pool.norm($0) }
    stride = RowCode.stride(dimension: dimension)
    queries = (0..<count).map { QueryCode(given + $0 * dimension, dimension: dimension, metric: metric) }
    bounds = zip(norms, queries).map {
      CodeBound(metric: metric, queryNorm: $0, code: $1, greatestBias: greatestBias)
    }
    single = CodeColumns(queries, bounds, padded: padded, stride: stride)
  }

  private func recoded() -> CodeColumns {
    let queries = norms.indices.map {
      QueryCode(given + $0 * dimension, dimension: dimension, metric: metric, most: most)
    }
    let bounds = zip(norms, queries).map {
      CodeBound(metric: metric, queryNorm: $0, code: $1, greatestBias: greatestBias)
    }
    return CodeColumns(queries, bounds, padded: padded, stride: stride)
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
