package import VecCore
import VecIndex

/// What a build made.
package struct BuildOutcome: Sendable {
  /// An index other than flat, and how well it does.
  package struct Index: Sendable {
    package struct Setting: Sendable {
      package var k: Int
      /// The least parameter that reaches the target, or the best one if none does.
      package var parameter: UInt32
      package var recall: Float
      package var reachesTarget: Bool
    }

    package var type: IndexType
    package var settings: [Setting]
    /// Queries that recall was measured with, and whether they were real ones.
    package var queryCount: Int
    package var isOfSample: Bool
  }

  package var index: IndexType
  package var rowCount: UInt64
  package var byteCount: UInt64
  package var segmentCount: Int
  package var targetRecall: Float
  package var indexes: [Index]

  /// The least recall that was measured at the settings which a search without wishes uses; 1 for flat.
  package var expectedRecall: Float {
    indexes.first { $0.type == index }?.settings.map(\.recall).min() ?? 1
  }
}

extension SegmentHandle {
  /// What the calibration says of each index.
  var summaries: [BuildOutcome.Index] {
    guard let calibration = indexes.calibration else { return [] }
    return [IndexType.ivf, .hnsw].compactMap { type in
      let settings = calibration.ks(type).compactMap { k -> BuildOutcome.Index.Setting? in
        guard let curve = calibration.planned(type, k: k), let last = curve.points.last else { return nil }
        let point = curve.point(reaching: calibration.targetRecall)
        return .init(
          k: k, parameter: (point ?? last).parameter, recall: (point ?? last).recall, reachesTarget: point != nil)
      }
      guard !settings.isEmpty else { return nil }
      return BuildOutcome.Index(
        type: type, settings: settings, queryCount: calibration.queryCount, isOfSample: calibration.isOfSample)
    }
  }
}
