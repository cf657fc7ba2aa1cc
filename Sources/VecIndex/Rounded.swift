/// A double as the nearest float32 on one side of it, so that a bound stays a bound.
enum Rounded {
  /// The least float32 that is not below `value`.
  static func up(_ value: Double) -> Float {
    let nearest = Float(value)
    return Double(nearest) < value ? nearest.nextUp : nearest
  }

  /// The greatest float32 that is not above `value`.
  static func down(_ value: Double) -> Float {
    let nearest = Float(value)
    return Double(nearest) > value ? nearest.nextDown : nearest
  }
}
