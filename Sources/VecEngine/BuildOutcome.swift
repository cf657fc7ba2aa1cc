package import VecCore
import VecIndex
import VecManifest

/// What a build made.
package struct BuildOutcome: Sendable {
  /// An index other than flat, and how well it does.
  package struct Index: Sendable {
    package struct Setting: Sendable {
      package var k: Int
      /// That of searches which aim at the target, or the best one if none reaches it. Of lists that are chosen by a margin it
      /// is how many these are on average.
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
    let part = indexes.planned(rowCount: Int(row.rowCount))
    return [IndexType.ivf, .hnsw].compactMap { type in
      let settings = calibration.ks(type).compactMap { k -> BuildOutcome.Index.Setting? in
        if let used = part.setting(of: type, reaching: calibration.targetRecall, k) {
          let parameter = UInt32(clamping: Int(used.parameter.rounded(.up)))
          return .init(k: k, parameter: parameter, recall: used.recall, reachesTarget: true)
        }
        guard let best = calibration.curve(type, k: k)?.points.last else { return nil }
        return .init(k: k, parameter: best.parameter, recall: best.recall, reachesTarget: false)
      }
      guard !settings.isEmpty else { return nil }
      return BuildOutcome.Index(
        type: type, settings: settings, queryCount: calibration.queryCount, isOfSample: calibration.isOfSample)
    }
  }
}
