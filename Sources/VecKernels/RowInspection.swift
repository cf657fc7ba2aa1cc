import CVecKernels
package import VecCore

/// What one pass over incoming float32 rows finds: whether they are finite, their norms, and which narrower element
/// types hold every value bit by bit (subnormals and the sign of zero included).
package struct RowInspection: Sendable, Equatable {
  /// A component that is NaN or an infinity.
  package struct Place: Sendable, Equatable {
    package var row: Int
    package var component: Int
  }

  /// The first bad component; when there is one, the other fields describe the rows before it only.
  package private(set) var notFinite: Place?
  /// Euclidean norm per row, in double.
  package private(set) var norms: [Double]
  package private(set) var fitsF16: Bool
  package private(set) var fitsBF16: Bool

  /// - Parameter rows: row after row, a multiple of `dimension` values. `dimension` is at least 1.
  package init(rows: UnsafeBufferPointer<Float>, dimension: Int) {
    let count = rows.count / dimension
    norms = []
    fitsF16 = true
    fitsBF16 = true
    guard count > 0, let base = rows.baseAddress else { return }
    var found = vk_inspection()
    norms = [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
      found = vk_inspect_rows(base, count, dimension, buffer.baseAddress)
      initialized = found.bad_row
    }
    if found.bad_row < count { notFinite = Place(row: found.bad_row, component: found.bad_component) }
    fitsF16 = found.fits_f16
    fitsBF16 = found.fits_bf16
  }

  /// The narrowest type that loses nothing; f16 when both 16-bit types do.
  package var narrowest: ElementType { fitsF16 ? .f16 : fitsBF16 ? .bf16 : .f32 }

  /// 1 / norm to nearest: the inverse-norms section. The norm is not zero.
  package static func inverse(_ norm: Double) -> Float { Float(1 / norm) }
}

/// Conversion between float32 and the stored element types.
package enum ElementCoding {
  /// Narrows values that fit `type` exactly (`RowInspection` says so); others give unspecified values. `to` has room
  /// for `values.count * type.byteCount` bytes and may have any alignment.
  package static func narrow(
    _ values: UnsafeBufferPointer<Float>, to type: ElementType, into to: UnsafeMutableRawPointer
  ) {
    guard let from = values.baseAddress else { return }
    switch type {
    case .f32: to.copyMemory(from: from, byteCount: values.count * 4)
    case .f16: vk_narrow_f16(from, values.count, to.assumingMemoryBound(to: UInt16.self))
    case .bf16: vk_narrow_bf16(from, values.count, to.assumingMemoryBound(to: UInt16.self))
    }
  }

  /// `count` stored values as float32; exact, and the same bits on every CPU.
  package static func widen(
    _ from: UnsafeRawPointer, type: ElementType, count: Int, to: UnsafeMutablePointer<Float>
  ) {
    vk_widen(UInt32(type.rawValue), from, count, to)
  }
}
