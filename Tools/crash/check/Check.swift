import Glibc
import VecCore
import VecEngine

/// crashcheck: opens stores as a start of vecd does and says what it finds, many in one process, for the crash explorer.
/// A line on standard input names a store's directory; the answer is one JSON object on one line of standard output.
///
///     > /dev/shm/state/17
///     {"collections": [{"name", "dimension", "metric", "sequence", "live", "fence", "generations", "sets", "biases",
///      "settings"}], "doubt", "kept"}
///     {"error": "manifest-damaged: ..."}
///
/// A generation that can be searched has a `digest`: the sum modulo 2^64 of a hash of each id with its vector, so that a
/// set of rows has one digest whatever their order. `crash/digest.py` computes the same from the model.
@main
enum Check {
  static func main() {
    while let line = readLine() {
      // Not print: a pipe's buffer would keep the answer from whoever waits for it.
      let answer = Array((Self.answer(line).text + "\n").utf8)
      guard write(STDOUT_FILENO, answer, answer.count) == answer.count else { return }
    }
  }

  static func answer(_ path: String) -> JSON {
    do throws(VecError) {
      let engine = try Engine(options(path))
      defer { engine.close() }
      return .object([
        ("collections", .array(try describe(engine))),
        ("doubt", .optional(engine.recovery.doubt)),
        ("kept", .array(engine.recovery.keptFiles.map { .string($0) })),
      ])
    } catch {
      return .object([("error", .string(error.description))])
    }
  }

  private static func options(_ path: String) -> EngineOptions {
    EngineOptions(
      storePath: path, kernelTier: nil, memoryBudget: 64 << 20, now: { 0 },
      makeUUID: {
        var random = SystemRandomNumberGenerator()
        return UUID(high: random.next(), low: random.next())
      })
  }

  private static func describe(_ engine: Engine) throws(VecError) -> [JSON] {
    var all: [JSON] = []
    for collection in try engine.list() {
      var generations: [JSON] = []
      for generation in try engine.generations(collection.name) {
        var members: [(String, JSON)] = [
          ("label", .string(generation.label)), ("state", .string(generation.state.name)),
          ("rows", .unsigned(generation.rowCount)), ("segments", .count(generation.segmentCount)),
          ("model", .optional(generation.model)),
        ]
        if generation.state != .building, collection.fence == nil {
          let rows = try Self.rows(of: generation, collection, engine)
          members += [("found", .count(rows.count)), ("digest", .string(String(rows.digest, radix: 16)))]
        }
        generations.append(.object(members))
      }
      all.append(
        .object([
          ("name", .string(collection.name)), ("dimension", .count(collection.dimension)),
          ("metric", .string(collection.metric.name)), ("sequence", .unsigned(collection.sequence)),
          ("live", .optional(collection.liveGeneration)), ("fence", .optional(collection.fence)),
          ("generations", .array(generations)), ("sets", try sets(of: collection, engine)),
          ("biases", try biases(of: collection, engine)),
          ("settings", try settings(of: collection, engine)),
        ]))
    }
    return all
  }

  /// The exclude sets that the explorer appends to, as far as there are any.
  private static func sets(of collection: CollectionInfo, _ engine: Engine) throws(VecError) -> JSON {
    var found: [JSON] = []
    for name in ["s1", "s2"] where collection.fence == nil {
      let ids = try engine.exclusions(collection.name, set: name).ids
      if !ids.isEmpty { found.append(.array([.string(name), .array(ids.map { .unsigned($0) })])) }
    }
    return .array(found)
  }

  /// The same of bias sets.
  private static func biases(of collection: CollectionInfo, _ engine: Engine) throws(VecError) -> JSON {
    var found: [JSON] = []
    for name in ["b1", "b2"] where collection.fence == nil {
      let own = try engine.biases(collection.name, set: name)
      let entries = zip(own.ids, own.values).map { JSON.array([.unsigned($0), .float($1)]) }
      if !entries.isEmpty { found.append(.array([.string(name), .array(entries)])) }
    }
    return .array(found)
  }

  private static func settings(of collection: CollectionInfo, _ engine: Engine) throws(VecError) -> JSON {
    let settings = try engine.settings(of: collection.name)
    return .array([
      .string(settings.modelPolicy.name), .count(settings.capturedQueries), .float(settings.gaugeShare),
    ])
  }

  /// All rows as a client gets them: the ids by an exact search for more than there are, their vectors by a get.
  private static func rows(
    of generation: GenerationInfo, _ collection: CollectionInfo, _ engine: Engine
  ) throws(VecError) -> (count: Int, digest: UInt64) {
    let dimension = collection.dimension
    let search = SearchRequest(
      collection: collection.name, generation: generation.label, k: min(Limits.kMax, Int(generation.rowCount) + 1024),
      effort: .exact, dimension: dimension, vectors: [Float](repeating: 1, count: dimension))
    let ids = try engine.search(search, shouldStop: { false }).ids
    guard !ids.isEmpty else { return (0, 0) }
    let got = try engine.get(collection.name, generation: generation.label, ids: ids, fields: .all)
    guard got.found.allSatisfy({ $0 }), Set(ids).count == ids.count else {
      throw VecError(.internalDefect, "a search of \(generation.label) found ids that get does not, or one id twice")
    }
    let description = try engine.describe(collection.name)
    let hasItems = !description.attributes.isEmpty
    var digest: UInt64 = 0
    for (row, id) in ids.enumerated() {
      let vector = got.vectors[row * dimension..<(row + 1) * dimension]
      digest &+= hash(id, vector)
      // The steps write the id as the attribute, and the bytes of the vector as the payload.
      let text = got.records[row].stringID
      let right = AttributeRecord(
        [(0, .int(Int64(bitPattern: id)))], payload: vector.flatMap { withUnsafeBytes(of: $0) { Array($0) } }, stringID: text)
      let isNamed = text.map { StringID.id(of: $0.text) == id } ?? false
      guard isNamed == (description.ids == .string) else {
        throw VecError(.internalDefect, "row \(id) of \(generation.label) has not the string id it was written with")
      }
      guard !hasItems || got.records[row] == right else {
        throw VecError(.internalDefect, "row \(id) of \(generation.label) has not the attributes or payload it was written with")
      }
    }
    return (ids.count, digest)
  }

  private static func hash(_ id: UInt64, _ vector: ArraySlice<Float>) -> UInt64 {
    vector.reduce(mixed(id)) { mixed($0 ^ UInt64($1.bitPattern)) }
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var random = SplitMix64(seed: value)
    return random.next()
  }
}
