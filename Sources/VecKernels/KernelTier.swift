import CVecKernels

/// The instruction sets that kernels exist for. Results do not depend on it, only speed does.
package enum KernelTier: UInt32, CaseIterable, Sendable {
  /// Plain C for the baseline of the architecture; every CPU has it.
  case scalar = 0
  /// x86-64 with AVX2, FMA and F16C.
  case avx2 = 1
  /// x86-64 with AVX-512 F, BW, VL and DQ.
  case avx512 = 2
  /// arm64.
  case neon = 3

  /// The name of the command line and of logs.
  package var name: String {
    switch self {
    case .scalar: "scalar"
    case .avx2: "avx2"
    case .avx512: "avx512"
    case .neon: "neon"
    }
  }

  package init?(name: String) {
    guard let tier = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = tier
  }

  /// Whether this CPU has the instructions and its operating system saves their registers.
  package var isAvailable: Bool { vk_kernels_for(rawValue) != nil }

  /// The tiers of this machine, slowest first; never empty.
  package static var available: [KernelTier] { allCases.filter(\.isAvailable) }

  /// The fastest tier of this machine.
  package static var best: KernelTier { available.last ?? .scalar }
}
