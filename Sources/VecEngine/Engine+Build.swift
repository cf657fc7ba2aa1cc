import Synchronization
package import VecCore
import VecIndex
import VecManifest
import VecStorage

extension Engine {
  /// Reserves a generation for a build. A nil type leaves the choice to vecd (auto).
  package func beginBuild(
    _ name: String, generation label: String?, type: IndexType?, targetRecall: Float? = nil, sample: QuerySample? = nil
  ) throws(VecError) -> IndexBuild {
    if let sample { try check(sample, for: try collection(name).row) }
    return try withWriter { (_) throws(VecError) in
      let collection = try collection(name)
      let generation =
        if let label { try collection.requireGeneration(label) } else { try collection.onlyBuilding(for: "build") }
      let found = try collection.sound(generation).row
      try collection.refuseIfBusy(found.label)
      guard found.state == .building || found.state == .built else {
        throw VecError(
          .generationState, "generation \(found.label) of \(name) is \(found.state.name): it has its index already")
      }
      guard !generation.segments.isEmpty else {
        throw VecError(.generationState, "generation \(found.label) of \(name) has no rows: ingest into it first")
      }
      // Without a sample, the queries that were captured from generations of the same model.
      let recipe = IndexRecipe(
        type: type, targetRecall: targetRecall, sample: sample ?? collection.capturedSample(for: generation))
      return reserve(found.label, of: collection.row, recipe)
    }
  }

  /// Holds a generation for a build.
  func reserve(
    _ label: String, of collection: CollectionRow, _ recipe: IndexRecipe, as kind: Collection.Work.Kind = .build
  ) -> IndexBuild {
    let build = IndexBuild(self, collection: collection, label: label, recipe: recipe)
    update(collection.name) { $0.work[label] = Collection.Work(kind: kind, build: WeakBuild(build)) }
    return build
  }

  /// A sample that flat does not need is held to the same rules, so that a wrong one is noticed with every type.
  private func check(_ sample: QuerySample, for collection: CollectionRow) throws(VecError) {
    guard sample.dimension == collection.dimension else {
      throw VecError(
        .dimensionMismatch,
        "the sample has dimension \(sample.dimension), collection \(collection.name) has \(collection.dimension)")
    }
    try QueryCheck.check(sample.vectors, dimension: sample.dimension, interests: 1, metric: collection.metric)
  }

  /// Calls off the index build of a generation; false when none runs. It ends soon after, and changes nothing.
  package func cancelBuild(_ name: String, generation label: String?) throws(VecError) -> Bool {
    let builds = try collection(name).work.compactMap { own, work in label == nil || label == own ? work.build : nil }
    if let label { _ = try collection(name).requireGeneration(label) }
    guard builds.count <= 1 else {
      throw VecError(
        .invalidArgument, "collection \(name) has \(builds.count) builds under way: say which generation's to cancel")
    }
    for build in builds { build.value?.isCalledOff.store(true, ordering: .relaxed) }
    return !builds.isEmpty
  }
}
