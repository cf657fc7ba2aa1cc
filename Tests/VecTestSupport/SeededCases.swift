import Glibc
package import VecCore

/// The argument of a random test: printed with its name, so a failure can be run again.
package struct Seed: Sendable, CustomStringConvertible {
  package let value: UInt64
  package init(_ value: UInt64) { self.value = value }
  package var description: String { "seed \(value)" }
  package var generator: SplitMix64 { SplitMix64(seed: value) }
}

/// Shapes of vectors that scores get wrong: each one is a way in which float32 loses bits.
package enum VectorShape: String, CaseIterable, Sendable, CustomStringConvertible {
  /// Independent normal components.
  case gaussian
  /// Norms from 2^-20 to 2^20 in one set.
  case mixedNorms
  /// Components near 2^50 (f16: 2^12).
  case huge
  /// Components near 2^-60 (f16: its subnormals).
  case tiny
  /// float32 subnormals (bf16 has the same; f16: its own).
  case denormal
  /// Large components that cancel in pairs, so a score is what is left of numbers 2^20 times as large.
  case cancelling
  /// All components from {-1, 0, 1}: many equal scores.
  case coarse
  /// Every row is one of three vectors.
  case duplicates

  package var description: String { rawValue }

  /// `count * dimension` finite values that `type` holds exactly.
  package func rows(
    _ count: Int, dimension: Int, type: ElementType, using generator: inout SplitMix64
  ) -> [Float] {
    var rows: [Float] = []
    rows.reserveCapacity(count * dimension)
    for row in 0..<count {
      if self == .duplicates, row >= 3 {
        let start = Int(generator.next() % 3) * dimension
        rows.append(contentsOf: rows[start..<(start + dimension)])
      } else {
        rows.append(contentsOf: vector(dimension, type, &generator))
      }
    }
    return rows
  }

  private func vector(_ dimension: Int, _ type: ElementType, _ generator: inout SplitMix64) -> [Float] {
    let scale = scale(type, &generator)
    var values = (0..<dimension).map { _ in component(scale, &generator) }
    if self == .cancelling {
      for at in stride(from: 1, to: dimension, by: 2) {
        values[at] = -values[at - 1] + Float(generator.gaussian()) * scale * 0x1p-20
      }
    }
    return values.map { Self.round($0, to: type) }
  }

  private func scale(_ type: ElementType, _ generator: inout SplitMix64) -> Float {
    switch self {
    case .gaussian, .coarse, .duplicates: 1
    case .mixedNorms: Float(exp2((generator.uniform() - 0.5) * (type == .f16 ? 20 : 40)))
    case .huge: type == .f16 ? 0x1p12 : 0x1p50
    case .tiny: type == .f16 ? 0x1p-16 : 0x1p-60
    case .denormal: type == .f16 ? 0x1p-22 : 0x1p-140
    case .cancelling: 1_000
    }
  }

  private func component(_ scale: Float, _ generator: inout SplitMix64) -> Float {
    self == .coarse ? Float(Int(generator.next() % 3) - 1) : Float(generator.gaussian()) * scale
  }

  /// The nearest value of the type (bf16: cut), as float32.
  package static func round(_ value: Float, to type: ElementType) -> Float {
    switch type {
    case .f32: value
    case .f16: Float(Float16(value))
    case .bf16: Float(bitPattern: value.bitPattern & 0xFFFF_0000)
    }
  }
}

extension SplitMix64 {
  /// [0, 1).
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Standard normal, by Box and Muller.
  package mutating func gaussian() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * Double.pi * uniform())
  }
}
