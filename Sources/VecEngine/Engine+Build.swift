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
      let found = generation.row
      try collection.refuseIfBusy(found.label)
      guard found.state == .building || found.state == .built else {
        throw VecError(
          .generationState, "generation \(found.label) of \(name) is \(found.state.name): it has its index already")
      }
      guard !generation.segments.isEmpty else {
        throw VecError(.generationState, "generation \(found.label) of \(name) has no rows: ingest into it first")
      }
      update(name) { $0.work[found.label] = Collection.Work(kind: .build) }
      let recipe = IndexRecipe(type: type, targetRecall: targetRecall, sample: sample)
      return IndexBuild(self, collection: collection.row, label: found.label, recipe: recipe)
    }
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

  /// Swaps a generation's segments for those of its build, in the manifest and then in memory.
  func finishBuild(
    _ generation: Generation, of name: String, segments: [SegmentHandle], index: IndexType
  ) throws(VecError) {
    let gone = generation.segments.filter { old in !segments.contains { $0.row.uuid == old.row.uuid } }
    let new = segments.filter { new in !generation.segments.contains { $0.row.uuid == new.row.uuid } }
    try withWriter { (writer) throws(VecError) in
      var row = try collection(name).row
      row.sequence += 1
      var next = generation
      next.segments = segments
      next.row.state = .built
      next.row.index = index
      next.row.builtAt = options.now()
      try writer.manifest.transaction { [row, next] (transaction) throws(VecError) in
        for segment in gone { try transaction.deleteSegment(segment.row.uuid, of: row.number) }
        for segment in new { try transaction.insert(segment.row, of: row.number) }
        try transaction.update(next.row)
        try transaction.update(row)
      }
      update(name) { [row, next] in
        $0.replace(next)
        $0.row = row
      }
    }
    for segment in gone { segment.retire() }
  }
}
