import CVecKernels

/// The instruction sets that kernels over byte codes exist for. Their integers are the same in all of them.
package enum CodeTier: UInt32, CaseIterable, Sendable {
  /// Plain C for the baseline of the architecture; every CPU has it.
  case scalar = 0
  /// x86-64 with AVX2 and FMA.
  case avx2 = 1
  /// x86-64 with AVX2, FMA and AVX-VNNI.
  case avxVNNI = 2
  /// x86-64 with AVX-512 F, BW, VL, DQ and VNNI.
  case avx512VNNI = 3
  /// arm64 with the dot product instructions.
  case neon = 4

  /// Whether this CPU has the instructions and its operating system saves their registers.
  package var isAvailable: Bool { CodeKernels(tier: self) != nil }

  /// The tiers of this machine, slowest first; never empty.
  package static var available: [CodeTier] { allCases.filter(\.isAvailable) }

  /// The fastest tier of this machine that asks for nothing more than a float32 tier does, so that a forced tier is
  /// forced for both.
  package static func best(within tier: KernelTier) -> CodeTier {
    let allowed: [CodeTier] =
      switch tier {
      case .scalar: [.scalar]
      case .avx2: [.avxVNNI, .avx2]
      case .avx512: [.avx512VNNI, .avxVNNI, .avx2]
      case .neon: [.neon]
      }
    return allowed.first(where: \.isAvailable) ?? .scalar
  }
}
