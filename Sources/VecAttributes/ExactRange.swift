import Glibc

/// The values of an ordered type between two, both included; empty when they are out of order.
struct ExactRange<Bound: Comparable & Sendable>: Sendable {
  let least: Bound
  let greatest: Bound

  @inline(__always)
  func contains(_ value: Bound) -> Bool { value >= least && value <= greatest }
}

/// Comparisons of one number type with the other as ranges of the attribute's own type, so that no value is ever rounded.
extension ExactRange where Bound == Int64 {
  static let none = ExactRange(least: 1, greatest: 0)

  /// The integers for which `integer comparison value` holds. `notEqual` is for the caller to negate.
  init(_ comparison: Filter.Comparison, _ value: Int64) {
    switch comparison {
    case .equal, .notEqual: self.init(least: value, greatest: value)
    case .less: self = value == .min ? .none : ExactRange(least: .min, greatest: value - 1)
    case .lessOrEqual: self.init(least: .min, greatest: value)
    case .greater: self = value == .max ? .none : ExactRange(least: value + 1, greatest: .max)
    case .greaterOrEqual: self.init(least: value, greatest: .max)
    }
  }

  init(_ comparison: Filter.Comparison, _ value: Double) {
    if let integer = Int64(exactly: value) {
      self.init(comparison, integer)
      return
    }
    // Between two integers, or beyond all of them. 2^63 and -2^63 are doubles, so these comparisons are exact.
    let below: Int64? = value < -0x1p63 ? nil : value >= 0x1p63 ? .max : Int64(value.rounded(.down))
    switch comparison {
    case .equal, .notEqual: self = .none
    case .less, .lessOrEqual: self = below.map { ExactRange(least: .min, greatest: $0) } ?? .none
    case .greater, .greaterOrEqual:
      self = below == .max ? .none : ExactRange(least: below.map { $0 + 1 } ?? .min, greatest: .max)
    }
  }
}

extension ExactRange where Bound == Double {
  static let none = ExactRange(least: 1, greatest: 0)

  /// The finite numbers for which `number comparison value` holds.
  init(_ comparison: Filter.Comparison, _ value: Double) {
    switch comparison {
    case .equal, .notEqual: self.init(least: value, greatest: value)
    case .less: self.init(least: -.infinity, greatest: value.nextDown)
    case .lessOrEqual: self.init(least: -.infinity, greatest: value)
    case .greater: self.init(least: value.nextUp, greatest: .infinity)
    case .greaterOrEqual: self.init(least: value, greatest: .infinity)
    }
  }

  init(_ comparison: Filter.Comparison, _ value: Int64) {
    let nearest = Double(value)
    if Int64(exactly: nearest) == value {
      self.init(comparison, nearest)
      return
    }
    // No double equals the integer: those below it end with one neighbour of it, those above begin with the next.
    let isAbove = nearest >= 0x1p63 || Int64(nearest) > value
    switch comparison {
    case .equal, .notEqual: self = .none
    case .less, .lessOrEqual: self.init(least: -.infinity, greatest: isAbove ? nearest.nextDown : nearest)
    case .greater, .greaterOrEqual: self.init(least: isAbove ? nearest : nearest.nextUp, greatest: .infinity)
    }
  }
}
