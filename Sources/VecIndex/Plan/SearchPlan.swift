package import VecCore

/// How one request is answered.
package struct SearchPlan: Sendable, Equatable {
  package var index: IndexType
  /// Per segment: nprobe of ivf, ef of hnsw, 0 where all rows are scanned. Empty for flat.
  package var parameters: [UInt32]
  /// Of ivf, per segment: the margin that lists are chosen by (`ListMargin`), so that `parameters` are how many these are on
  /// average; nil where so many are taken. May be shorter than `parameters`.
  package var margins: [Float?]
  /// Of ivf: how surely the best rows of the lists looked at are found.
  package var certainty = Certainty.proven
  /// Share of the true top k; 1 for flat, 0 when nothing is known.
  package var expectedRecall: Float

  package init(index: IndexType, parameters: [UInt32], margins: [Float?] = [], expectedRecall: Float) {
    self.index = index
    self.parameters = parameters
    self.margins = margins
    self.expectedRecall = expectedRecall
  }

  /// For one segment.
  package init(index: IndexType, parameter: UInt32, margin: Float? = nil, expectedRecall: Float) {
    self.init(
      index: index, parameters: index == .flat ? [] : [parameter], margins: margin.map { [$0] } ?? [],
      expectedRecall: expectedRecall)
  }

  func margin(of segment: Int) -> Float? { segment < margins.count ? margins[segment] : nil }

  /// The greatest of all segments: what a reply names.
  package var parameter: UInt32 { parameters.max() ?? 0 }

  package static let exact = SearchPlan(index: .flat, parameters: [], expectedRecall: 1)
}
