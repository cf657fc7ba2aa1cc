import Foundation
import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

/// Sections of indexes as vecd 0.1 wrote them, in `Formats/golden/index/v1`, and in `v2` the calibration with margins. The
/// `.bin` files were written once, by a run
/// with VECD_WRITE_GOLDEN=1, and the `.json` files from them by the formats' pages alone; neither is ever written again.
@Suite("Golden index sections")
struct GoldenSectionTests {
  /// Rows that are the same on every machine: eighths, from whole numbers alone. Every fifth row repeats another one.
  static let given: ContractCase = {
    var generator = Seed(401).generator
    var rows: [Float] = []
    for row in 0..<400 {
      if row % 5 == 4 {
        let other = Int(generator.next() % UInt64(row)) * 8
        rows += rows[other..<(other + 8)]
      } else {
        rows += (0..<8).map { _ in Float(Int(generator.next() % 65) - 32) / 8 }
      }
    }
    let queries = (0..<(8 * 20)).map { _ in Float(Int(generator.next() % 65) - 32) / 8 }
    return ContractCase(
      name: "golden", metric: .ip, elementType: .f32, dimension: 8, rows: rows, ids: (0..<400).map { UInt64($0) },
      queries: queries, k: 10)
  }()

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Formats/golden/index")

  /// The bytes of a golden file. One that is missing is written from `made` when the environment asks for it.
  static func bytes(_ name: String, made: () throws -> [UInt8]) throws -> [UInt8] {
    let file = folder.appendingPathComponent(name + ".bin")
    let isThere = FileManager.default.fileExists(atPath: file.path)
    if !isThere, ProcessInfo.processInfo.environment["VECD_WRITE_GOLDEN"] == "1" {
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(try made()).write(to: file)
    }
    return [UInt8](try #require(try? Data(contentsOf: file), "\(file.path) is missing; VECD_WRITE_GOLDEN=1 writes it"))
  }

  static func expected<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
    try JSONDecoder().decode(type, from: Data(contentsOf: folder.appendingPathComponent(name + ".json")))
  }

  struct ListsValues: Decodable {
    var metric: String
    var starts: [UInt32]
    var spreads: [Float]
    var centroids: [Float]
  }

  @Test("lists are read as the values they were written from, and encode to the same bytes")
  func lists() throws {
    let bytes = try Self.bytes("v1/lists") { try ListedPlanes(Self.given, lists: 20).lists.encode() }
    let right = try Self.expected("v1/lists", as: ListsValues.self)
    let lists = try bytes.withUnsafeBytes { (raw) throws in
      try IVFLists(decoding: raw, rowCount: 400, dimension: 8, metric: .ip)
    }
    #expect(lists.metric.name == right.metric && lists.dimension == 8 && lists.count == 20)
    #expect(lists.starts == right.starts && lists.spreads == right.spreads && lists.centroids == right.centroids)
    #expect(lists.encode() == bytes)
  }

  struct GraphValues: Decodable {
    var links: Int
    var ef_construction: Int
    var alpha: Float
    var query_share: Float
    var norm_weight: Float
    var seed: UInt64
    var queries: Int
    var layer_counts: [Int]
    var twin_members: Int
  }

  @Test("a graph is read as the values it was written from, encodes to the same bytes, and leads to the best rows")
  func graph() throws {
    let stored = StoredPlanes(Self.given, coding: .codes)
    let bytes = try Self.bytes("v1/graph") {
      try StoredGraph(Self.given, HNSWParameters(links: 8, efConstruction: 60, seed: 5), sample: Self.given.queries)
        .graph.encoded()
    }
    let right = try Self.expected("v1/graph", as: GraphValues.self)
    let graph = try bytes.withUnsafeBytes { (raw) throws in try HNSWGraph(decoding: raw, rowCount: 400) }
    let found = graph.parameters
    #expect(found.links == right.links && found.efConstruction == right.ef_construction && found.seed == right.seed)
    #expect(found.alpha == right.alpha && found.queryShare == right.query_share)
    #expect(found.normWeight == right.norm_weight && graph.queryCount == right.queries && right.queries > 0)
    #expect(graph.layerCounts == right.layer_counts && right.layer_counts.count > 1 && right.twin_members > 0)
    #expect(try graph.encoded() == bytes)
    let plane = stored.planes[0]
    let answer = try Self.given.queries.withUnsafeBufferPointer {
      try HNSWIndex(kernels: Kernels(), metric: .ip).search(
        graph, queries: $0, interests: 1, k: 10, ef: 400, plane: plane, codes: plane.codes, mask: nil,
        scratch: TraversalScratch(), shouldStop: { false })
    }
    let hits = answer.map { hits in hits.map { OracleHit(id: $0.id, score: $0.score, interest: $0.interest) } }
    #expect(IndexContract.defects(Self.given, hits) == [])
    #expect(IndexContract.recall(Self.given, hits) > 0.99)
    withExtendedLifetime(stored) {}
  }

  struct CalibrationValues: Decodable {
    struct Curve: Decodable {
      var index: String
      var k: Int
      /// Parameter, recall, surely, scanned, listed, visited, settled, and the margin if there is one.
      var points: [[Double]]
    }

    var target_recall: Float
    var query_count: Int
    var of_sample: Bool
    var curves: [Curve]
    var margin_curves: [Curve]?
  }

  @Test(
    "a calibration is read as the values it was written from, and encodes to the same bytes",
    arguments: ["v1/calibration", "v2/calibration"])
  func calibration(name: String) throws {
    let bytes = try Self.bytes(name) { try Self.measured().encoded() }
    let right = try Self.expected(name, as: CalibrationValues.self)
    let found = try bytes.withUnsafeBytes { (raw) throws in try Calibration(decoding: raw) }
    #expect(found.targetRecall == right.target_recall && found.queryCount == right.query_count)
    #expect(found.isOfSample == right.of_sample)
    #expect(found.curves.map(\.index.name) == right.curves.map(\.index) && found.curves.map(\.k) == right.curves.map(\.k))
    #expect(Set(found.curves.map(\.index)) == [.ivf, .hnsw])
    #expect(found.marginCurves.map(\.k) == (right.margin_curves ?? []).map(\.k))
    #expect(found.marginCurves.isEmpty == (name == "v1/calibration"))
    for (curve, values) in zip(found.curves + found.marginCurves, right.curves + (right.margin_curves ?? [])) {
      let points = curve.points.map { point -> [Double] in
        let work = point.work
        return [Double(point.parameter), Double(point.recall), Double(point.surely)]
          + [work.scanned, work.listed, work.visited, work.settled] + (point.margin.map { [Double($0)] } ?? [])
      }
      #expect(points == values.points, "\(values.index) at k \(values.k)")
    }
    #expect(found.encoded() == bytes)
  }

  /// What a build of both indexes measures over the rows.
  private static func measured() throws -> Calibration {
    let listed = try ListedPlanes(given, lists: 20)
    let graph = try StoredGraph(listed.given).graph
    let plane = listed.stored.planes[0]
    defer { withExtendedLifetime(listed) {} }
    return try CalibrationRun(kernels: Kernels(), metric: .ip).measure(
      IndexSet(lists: listed.lists, graph: graph),
      CalibrationQueries(sample: given.queries, plane: plane, metric: .ip, seed: 1), plane: plane, targetRecall: 0.9,
      shouldStop: { false })
  }
}
