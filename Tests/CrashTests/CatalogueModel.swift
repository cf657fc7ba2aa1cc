import VecCore
import VecProtocol

/// What the store must hold, as far as the test knows: the generations of one collection.
struct CatalogueModel: Equatable {
  struct Generation: Equatable {
    var number: Int
    var state = GenerationState.building
    var parts = 0
    var replaced: Int?

    var label: String { "g\(number)" }
  }

  static let rowsPerPart = 200
  static let dimension = 16
  static let collection = "crash"

  var generations: [Generation] = []

  var live: Generation? { generations.first { $0.state == .live } }

  subscript(number: Int) -> Generation? {
    get { generations.first { $0.number == number } }
    set {
      generations.removeAll { $0.number == number }
      if let newValue { generations.append(newValue) }
      generations.sort { $0.number < $1.number }
    }
  }
}

/// One step of the scenario, on the model and on the daemon.
enum Step: Equatable {
  case create
  case ingest(Int)
  case build(Int)
  case publish(Int)
  case rollback
  case drop(Int)

  static let kinds = ["ingest", "build", "publish", "rollback", "drop"]

  var kind: String { String("\(self)".prefix { $0 != "(" }) }

  /// The model after the step. Only steps that are allowed are made.
  func applied(to model: CatalogueModel) -> CatalogueModel {
    var next = model
    switch self {
    case .create: break
    case .ingest(let number):
      var generation = model[number] ?? CatalogueModel.Generation(number: number)
      generation.parts += 1
      generation.state = .building
      next[number] = generation
    case .build(let number): next[number]?.state = .built
    case .publish(let number):
      let old = model.live?.number
      if let old { next[old]?.state = .retired }
      next[number]?.state = .live
      next[number]?.replaced = old
    case .rollback:
      guard let live = model.live, let previous = live.replaced else { return model }
      next[live.number]?.state = .retired
      next[previous]?.state = .live
    case .drop(let number):
      next[number] = nil
    }
    return next
  }

  func run(on client: WireClient) throws {
    let name = CatalogueModel.collection
    switch self {
    case .create:
      try client.call(.create(CreateRequest(collection: name, dimension: CatalogueModel.dimension, metric: .ip)))
    case .ingest(let number): try ingest(number, on: client)
    case .build(let number):
      try client.call(
        .buildIndex(
          BuildIndexRequest(collection: name, generation: "g\(number)", index: Self.index(of: number), wait: true)))
    case .publish(let number): try client.call(.publish(PublishRequest(collection: name, generation: "g\(number)")))
    case .rollback: try client.call(.rollback(collection: name))
    case .drop(let number): try client.call(.drop(DropRequest(collection: name, generation: "g\(number)")))
    }
  }

  /// Every kind of index in turn, nil for auto: all but flat write the rows three times before they swap.
  static func index(of generation: Int) -> IndexType? { [.flat, .ivf, .hnsw, nil][generation % 4] }

  /// Its kind, and of a build the index too.
  var name: String {
    guard case .build(let number) = self else { return kind }
    return "build \(Self.index(of: number)?.name ?? "auto")"
  }

  /// The part is found by asking how many rows are there, so a repeated step never sends an id twice.
  private func ingest(_ number: Int, on client: WireClient) throws {
    let name = CatalogueModel.collection
    let reply = try client.call(.generations(GenerationsRequest(collection: name)))
    guard case .generations(let known, _) = reply else { throw WireClient.Lost() }
    let part = Int(known.first { $0.label == "g\(number)" }?.rowCount ?? 0) / CatalogueModel.rowsPerPart
    let begin = IngestBeginRequest(collection: name, generation: "g\(number)")
    guard case .ingestBegin(let session) = try client.call(.ingestBegin(begin)) else { throw WireClient.Lost() }
    let half = CatalogueModel.rowsPerPart / 2
    for chunk in 0..<2 {
      let rows = (part * 2 + chunk) * half..<(part * 2 + chunk + 1) * half
      try client.call(
        .ingestRows(
          IngestRows(
            ingest: session.ingest, dimension: CatalogueModel.dimension,
            ids: rows.map { CatalogueRow.id(number, $0) },
            elements: .f32(rows.flatMap { CatalogueRow.vector(number, $0) }))))
    }
    try client.call(.ingestCommit(ingest: session.ingest))
  }
}

/// The rows of a generation are a function of its number, so any of them can be checked without keeping them.
enum CatalogueRow {
  static func id(_ generation: Int, _ row: Int) -> UInt64 { UInt64(generation) * 1_000_000 + UInt64(row) }

  static func vector(_ generation: Int, _ row: Int) -> [Float] {
    var random = SplitMix64(seed: id(generation, row))
    return (0..<CatalogueModel.dimension).map { _ in Float.random(in: -1...1, using: &random) }
  }
}
