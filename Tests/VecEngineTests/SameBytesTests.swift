import Testing
import VecCore
import VecEngine
import VecTestSupport

/// Promise 10: rows, parameters and seed decide the bytes of a file. The CPU and the number of threads do not.
@Suite("The same rows")
struct SameBytesTests {
  private static func bytes(
    _ type: IndexType?, _ metric: Metric, isSampled: Bool, tier: String?, workers: Int
  ) throws -> [UInt8] {
    let fixture = try EngineFixture()
    let engine = try fixture.open(tier: tier, workers: workers)
    let sample = IndexBuildTests.Sample(1500, seed: 38)
    try IndexBuildTests.load(engine, sample, metric: metric, parts: 2)
    let queries = QuerySample(dimension: IndexBuildTests.dimension, vectors: sample.queries)
    try engine.beginBuild("c", generation: "g", type: type, sample: isSampled ? queries : nil).run()
    engine.close()
    return try fixture.bytes(ofSegment: try #require(try fixture.segmentFiles.first))
  }

  @Test(
    "give the same file of ivf, hnsw and auto, calibration included, on every kernel tier and for 1 and 2 threads",
    arguments: IndexBuildTests.types, Metric.allCases)
  func everyTier(type: IndexType?, metric: Metric) throws {
    let first = try Self.bytes(type, metric, isSampled: metric == .ip, tier: "scalar", workers: 1)
    #expect(first.count > 1500 * 64)
    for tier in try EngineFixture().availableTiers() {
      for workers in [1, 2] {
        let other = try Self.bytes(type, metric, isSampled: metric == .ip, tier: tier, workers: workers)
        let place = zip(first, other).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        #expect(other.count == first.count && place == nil, "\(tier), \(workers) threads: byte \(place ?? -1) differs")
      }
    }
  }
}
