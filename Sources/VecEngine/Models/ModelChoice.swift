import Synchronization
import VecCore
import VecManifest

/// What became of the searches of a collection, by the model versions that they stated.
package struct ModelCounts: Sendable, Equatable {
  /// Answered by the generation that would have answered anyhow, which carries the stated version.
  package var matched: UInt64 = 0
  /// Answered by an older generation that carries it.
  package var routed: UInt64 = 0
  /// Answered by a generation of another version, or of none.
  package var counted: UInt64 = 0
  package var refused: UInt64 = 0
  /// Stated nothing.
  package var unstated: UInt64 = 0

  package init() {}
}

/// Counts searches. For any thread.
final class ModelTally: Sendable {
  private let matched = Atomic<UInt64>(0)
  private let routed = Atomic<UInt64>(0)
  private let counted = Atomic<UInt64>(0)
  private let refused = Atomic<UInt64>(0)
  private let unstated = Atomic<UInt64>(0)

  enum Outcome { case matched, routed, counted, refused, unstated }

  func note(_ outcome: Outcome) {
    switch outcome {
    case .matched: matched.add(1, ordering: .relaxed)
    case .routed: routed.add(1, ordering: .relaxed)
    case .counted: counted.add(1, ordering: .relaxed)
    case .refused: refused.add(1, ordering: .relaxed)
    case .unstated: unstated.add(1, ordering: .relaxed)
    }
  }

  var counts: ModelCounts {
    var counts = ModelCounts()
    counts.matched = matched.load(ordering: .relaxed)
    counts.routed = routed.load(ordering: .relaxed)
    counts.counted = counted.load(ordering: .relaxed)
    counts.refused = refused.load(ordering: .relaxed)
    counts.unstated = unstated.load(ordering: .relaxed)
    return counts
  }
}

extension Collection {
  /// The generation that answers a search whose vectors are of a model version, by the collection's policy.
  ///
  /// - Parameter label: of the generation that is asked; nil for the live one.
  /// - Throws: as `readable`; `model-mismatch`.
  func answering(_ label: String?, model: String?) throws(VecError) -> Generation {
    let generation = try readable(label)
    guard let model else {
      models.note(.unstated)
      return generation
    }
    if generation.row.model == model {
      models.note(.matched)
      return generation
    }
    switch row.settings.modelPolicy {
    case .count:
      models.note(.counted)
      return generation
    case .route:
      if label == nil, let other = published(model) {
        models.note(.routed)
        return other
      }
    case .refuse: break
    }
    models.note(.refused)
    let hint = row.settings.modelPolicy == .route && label == nil ? ", and no generation that was live carries it" : ""
    throw Self.mismatch(model, generation, of: row.name, hint: hint)
  }

  /// Of the generations that carry a version and were live once, the one published last.
  private func published(_ model: String) -> Generation? {
    generations.filter { one in
      one.row.model == model && one.fence == nil && one.row.state != .building && one.row.publishedAt != nil
    }.max { ($0.row.publishedAt ?? 0, $0.row.number) < ($1.row.publishedAt ?? 0, $1.row.number) }
  }

  /// That vectors of a model version may be put into a generation.
  static func checkModel(_ model: String?, of generation: Generation, in name: String) throws(VecError) {
    guard let model, generation.row.model != model else { return }
    throw mismatch(model, generation, of: name)
  }

  private static func mismatch(
    _ model: String, _ generation: Generation, of name: String, hint: String = ""
  ) -> VecError {
    let carried = generation.row.model.map { "carries \(Names.quoted($0))" } ?? "carries no model version"
    return VecError(
      .modelMismatch,
      "the vectors are of model \(Names.quoted(model)), generation \(generation.row.label) of \(name) \(carried)\(hint)")
  }
}
