import Dispatch
import VecCore
import VecFiles
import VecIndex
import VecKernels

/// The rows of a file, in memory, as the indexes see them.
final class Items {
  let dimension: Int
  private(set) var rowCount: Int
  let metric: Metric
  private(set) var values: UnsafeMutablePointer<Float>
  private(set) var ids: UnsafeMutablePointer<UInt64>
  private var inverseNorms: UnsafeMutablePointer<Float>
  private var greatestNorm: Float = 0
  private(set) var coded: CodedRows?

  init(path: String, metric: Metric) throws {
    let source = try openVectors(path: path)
    guard let rows = source.rowCount, let dimension = source.dimension else {
      throw VecError(.malformedFile, "\(path): its header must say how many rows there are")
    }
    (rowCount, self.dimension, self.metric) = (rows, dimension, metric)
    values = .allocate(capacity: rows * dimension)
    ids = .allocate(capacity: rows)
    inverseNorms = .allocate(capacity: rows)
    var row = 0
    while let block = try source.nextBlock() {
      let place = values + row * dimension
      switch block.elements {
      case .f32(let all): place.update(from: all, count: all.count)
      case .f16(let all):
        all.withUnsafeBytes { ElementCoding.widen($0.baseAddress!, type: .f16, count: all.count, to: place) }
      }
      (ids + row).update(from: block.ids, count: block.ids.count)
      row += block.ids.count
    }
    measureNorms()
  }

  private func measureNorms() {
    var greatest = 0.0
    for row in 0..<rowCount {
      let norm = CanonicalScore.norm(values + row * dimension, dimension: dimension)
      greatest = max(greatest, norm)
      inverseNorms[row] = norm > 0 ? Float(1 / norm) : 1
    }
    greatestNorm = Float(greatest).nextUp
  }

  /// Stores the rows in another order, as a segment would.
  func reorder(_ order: [UInt32]) {
    let moved = UnsafeMutablePointer<Float>.allocate(capacity: rowCount * dimension)
    let movedIds = UnsafeMutablePointer<UInt64>.allocate(capacity: rowCount)
    for (place, row) in order.enumerated() {
      (moved + place * dimension).update(from: values + Int(row) * dimension, count: dimension)
      movedIds[place] = ids[Int(row)]
    }
    values.deallocate()
    ids.deallocate()
    (values, ids) = (moved, movedIds)
    measureNorms()
    coded = nil
  }

  var bare: VectorPlane { plane(nil) }

  func encode(_ team: WorkTeam) throws { coded = try CodedRows(bare, metric: metric, team: team) }

  var plane: VectorPlane { plane(coded?.plane) }

  private func plane(_ codes: CodePlane?) -> VectorPlane {
    VectorPlane(
      base: values, rowCount: rowCount, dimension: dimension, elementType: .f32, ids: ids, inverseNorms: inverseNorms,
      greatestNorm: greatestNorm, codes: codes)
  }
}

extension WorkTeam {
  static func threads(_ count: Int) -> WorkTeam {
    WorkTeam(width: count) { count, body in DispatchQueue.concurrentPerform(iterations: count, execute: body) }
  }
}
