import VecCore
import VecManifest

/// A build, for whoever may call it off.
struct WeakBuild: Sendable {
  weak let value: IndexBuild?

  init(_ value: IndexBuild) { self.value = value }
}

/// A collection in memory: what the manifest says of it, its generations, and who is working on them.
struct Collection: Sendable {
  /// Work that holds a generation, so that two never write the same one.
  struct Work: Sendable {
    enum Kind: String, Sendable {
      case ingest = "an ingest"
      case build = "an index build"
      /// A merge or rebuild that nobody asked for, or a compaction: publish and rollback do not wait for it.
      case upkeep = "its upkeep"
    }

    var kind: Kind
    /// 0 to 1, for builds.
    var progress: Float = 0
    var build: WeakBuild?
  }

  var row: CollectionRow
  /// In order of their numbers.
  var generations: [Generation]
  /// Why the collection answers nothing: the manifest's rows about it are damaged. Damage of a segment or a delta fences
  /// its generation alone.
  var fence: String?
  /// By label, because an ingest may hold a generation that does not exist yet.
  var work: [String: Work] = [:]
  /// Why the last build of a generation failed, by label.
  var buildErrors: [String: String] = [:]

  /// Counts searches by what they state of their model.
  let models = ModelTally()
  /// Real queries that are kept.
  let reservoir: QueryReservoir

  init(row: CollectionRow, generations: [Generation], fence: String? = nil) {
    self.row = row
    self.generations = generations
    self.fence = fence
    reservoir = QueryReservoir(seed: row.number)
  }

  /// What is damaged, if anything is.
  var damage: String? {
    fence ?? generations.lazy.compactMap { one in one.fence.map { "generation \(one.row.label): \($0)" } }.first
  }

  var live: Generation? { generations.first { $0.row.number == row.liveGeneration } }

  func generation(labelled label: String) -> Generation? { generations.first { $0.row.label == label } }

  func requireGeneration(_ label: String) throws(VecError) -> Generation {
    if let found = generation(labelled: label) { return found }
    try Names.checkLabel(label)
    let known = generations.map(\.row.label)
    let hint = known.isEmpty ? "it has none yet, ingest into one" : "it has \(known.suffix(10).joined(separator: ", "))"
    throw VecError(.generationNotFound, "collection \(row.name) has no generation \(Names.quoted(label)): \(hint)")
  }

  /// The generation that a search or get reads: the named one, which must have an index, or the live one.
  func readable(_ label: String?) throws(VecError) -> Generation {
    guard let label else {
      if let live { return try sound(live) }
      throw VecError(
        .noLiveGeneration,
        "collection \(row.name) has no live generation: build-index one and publish it, or name a built one")
    }
    let generation = try sound(try requireGeneration(label))
    guard generation.row.state != .building else {
      throw VecError(
        .generationState, "generation \(label) of \(row.name) is still building: run build-index on it first")
    }
    return generation
  }

  /// The generation itself, unless it is fenced.
  func sound(_ generation: Generation) throws(VecError) -> Generation {
    guard let fence = generation.fence else { return generation }
    throw VecError(
      .collectionFenced,
      "generation \(generation.row.label) of \(row.name) is fenced: \(fence); publish another one, restore the store, "
        + "or drop it")
  }

  /// The only generation in state building, for requests that name none.
  func onlyBuilding(for purpose: String) throws(VecError) -> Generation {
    let building = generations.filter { $0.row.state == .building }
    if building.count == 1 { return building[0] }
    let names = building.map(\.row.label).joined(separator: ", ")
    throw VecError(
      building.isEmpty ? .generationNotFound : .invalidArgument,
      building.isEmpty
        ? "collection \(row.name) has no generation that is building, so there is nothing to \(purpose): ingest first"
        : "collection \(row.name) has \(building.count) generations building (\(names)): say which one to \(purpose)")
  }

  /// - Parameter besidesUpkeep: upkeep is no hindrance.
  func refuseIfBusy(_ label: String, besidesUpkeep: Bool = false) throws(VecError) {
    guard let holder = work[label], !(besidesUpkeep && holder.kind == .upkeep) else { return }
    throw VecError(
      .busy, "generation \(label) of \(row.name) is held by \(holder.kind.rawValue): try again when it has ended")
  }

  mutating func replace(_ generation: Generation) {
    if let position = generations.firstIndex(where: { $0.row.number == generation.row.number }) {
      // Damage may have been found after `generation` was copied.
      let fence = generation.fence ?? generations[position].fence
      generations[position] = generation
      generations[position].fence = fence
    } else {
      generations.append(generation)
      generations.sort { $0.row.number < $1.row.number }
    }
  }
}
