import VecCore
import VecProtocol

/// The messages whose frames are kept in `Formats/golden/protocol/v1`. Never change one: add another.
enum GoldenSample {
  case request(Request, deadline: UInt32)
  case reply(Reply, kind: MessageKind)

  static let requestId: UInt64 = 0x0102_0304_0506_0708

  /// File name without its ending, and the message.
  static let all: [(name: String, sample: GoldenSample)] =
    requests + replies + writes + items + exclusions + models + biases + stringIDs

  private static let requests: [(name: String, sample: GoldenSample)] = [
    ("01-hello-request", .request(.hello(HelloRequest(clientName: "golden 1.0 — 测试")), deadline: 0)),
    ("02-ping-request", .request(.ping([0, 1, 127, 128, 255]), deadline: 1000)),
    (
      "03-create-request",
      .request(.create(CreateRequest(collection: "videos-2_a", dimension: 64, metric: .cosine)), deadline: 250)
    ),
    ("04-list-request", .request(.list, deadline: 0)),
    ("05-drop-request", .request(.drop(DropRequest(collection: "videos", generation: "2026-11-01")), deadline: 0)),
    ("05-drop-collection-request", .request(.drop(DropRequest(collection: "videos")), deadline: 0)),
    (
      "06-ingest-begin-request",
      .request(.ingestBegin(IngestBeginRequest(collection: "videos", generation: "model-A.7")), deadline: 0)
    ),
    ("07-ingest-rows-request", .request(.ingestRows(rows(.f32([0.5, -1.25, 3, -0.0, 1e-30, 65536]))), deadline: 0)),
    (
      "07-ingest-rows-f16-request",
      .request(.ingestRows(rows(.f16([0x3800, 0xBD00, 0x4200, 0x0001, 0x7BFF, 0x8000]))), deadline: 0)
    ),
    (
      "07-ingest-rows-bf16-request",
      .request(.ingestRows(rows(.bf16([0x3F00, 0xBFA0, 0x4040, 0x0001, 0x7F7F, 0x8000]))), deadline: 0)
    ),
    ("08-ingest-commit-request", .request(.ingestCommit(ingest: 3), deadline: 0)),
    ("09-ingest-abort-request", .request(.ingestAbort(ingest: .max), deadline: 0)),
    (
      "10-build-index-request",
      .request(
        .buildIndex(BuildIndexRequest(collection: "videos", generation: "g2", index: .flat, wait: true)),
        deadline: 4_000_000_000)
    ),
    (
      "10-build-index-auto-request",
      .request(
        .buildIndex(
          BuildIndexRequest(
            collection: "videos", wait: false, targetRecall: 0.9375,
            sample: QuerySample(dimension: 3, vectors: [1, -0.5, 0, 2.25, 1e10, -0.0]))),
        deadline: 0)
    ),
    ("11-publish-request", .request(.publish(PublishRequest(collection: "videos", generation: "g2")), deadline: 0)),
    (
      "11-publish-expect-request",
      .request(.publish(PublishRequest(collection: "videos", generation: "g2", expected: .label("g1"))), deadline: 0)
    ),
    (
      "11-publish-expect-nothing-request",
      .request(.publish(PublishRequest(collection: "videos", generation: "g2", expected: .nothing)), deadline: 0)
    ),
    ("12-rollback-request", .request(.rollback(collection: "videos"), deadline: 0)),
    ("13-verify-request", .request(.verify(collection: "videos"), deadline: 0)),
    ("13-verify-all-request", .request(.verify(collection: nil), deadline: 0)),
    ("14-generations-request", .request(.generations(GenerationsRequest(collection: "videos")), deadline: 0)),
    ("15-search-request", .request(.search(search), deadline: 20)),
    (
      "15-search-exact-request",
      .request(
        .search(SearchRequest(collection: "v", k: 16_384, effort: .exact, dimension: 2, vectors: [1, -1])), deadline: 0)
    ),
    (
      "15-search-ef-request",
      .request(
        .search(SearchRequest(collection: "v", k: 1, effort: .ef(400), index: .hnsw, dimension: 1, vectors: [2])),
        deadline: 0)
    ),
    (
      "16-get-request",
      .request(.get(GetRequest(collection: "videos", generation: "g1", ids: [7, 0, .max])), deadline: 0)
    ),
    ("17-stats-request", .request(.stats, deadline: 0)),
  ]

  private static let search = SearchRequest(
    collection: "videos", generation: "2026-11-02", k: 100, effort: .recall(0.875), index: .ivf, interests: 2,
    dimension: 3, vectors: [0.5, -0.25, 1, 2, 0, -3, 0.125, 8, -0.0, 1.5, 2.5, 3.5])

  private static func rows(_ elements: IngestRows.Elements) -> IngestRows {
    IngestRows(ingest: 3, dimension: 3, ids: [42, .max], elements: elements)
  }

  private static let replies: [(name: String, sample: GoldenSample)] = [
    ("01-hello-reply", .reply(.hello(HandshakeReply(daemon: "vecd 0.1.0")), kind: .hello)),
    ("01-hello-error-reply", .reply(.failure(VecError(.unsupportedVersion, "no common version")), kind: .hello)),
    ("02-ping-reply", .reply(.ping([0, 1, 127, 128, 255]), kind: .ping)),
    ("03-create-reply", .reply(.create, kind: .create)),
    ("04-list-reply", .reply(.list(collections), kind: .list)),
    ("05-drop-reply", .reply(.drop, kind: .drop)),
    (
      "06-ingest-begin-reply",
      .reply(.ingestBegin(IngestBeginReply(ingest: 3, generation: "g2", dimension: 3, metric: .ip)), kind: .ingestBegin)
    ),
    ("07-ingest-rows-reply", .reply(.ingestRows(received: 1_000_000_000_000), kind: .ingestRows)),
    (
      "08-ingest-commit-reply",
      .reply(
        .ingestCommit(IngestReceipt(rowCount: 2, byteCount: 8192, elementType: .bf16, sequence: 12)),
        kind: .ingestCommit)
    ),
    ("09-ingest-abort-reply", .reply(.ingestAbort, kind: .ingestAbort)),
    (
      "10-build-index-reply",
      .reply(.buildIndex(BuildReceipt(generation: "g2", report: "{\"index\":\"flat\"}")), kind: .buildIndex)
    ),
    ("10-build-index-started-reply", .reply(.buildIndex(BuildReceipt(generation: "g3")), kind: .buildIndex)),
    ("11-publish-reply", .reply(.publish(PublishOutcome(sequence: 13, replaced: "g1", report: nil)), kind: .publish)),
    ("11-publish-first-reply", .reply(.publish(PublishOutcome(sequence: 1, replaced: nil, report: nil)), kind: .publish)),
    ("12-rollback-reply", .reply(.rollback(PublishReceipt(sequence: 14, live: "g1", replaced: "g2")), kind: .rollback)),
    ("13-verify-reply", .reply(.verify(report), kind: .verify)),
    ("14-generations-reply", .reply(.generations(generations, withModels: false), kind: .generations)),
    ("15-search-reply", .reply(.search(searchReply), kind: .search)),
    (
      "15-search-error-reply",
      .reply(.failure(VecError(.overloaded, "the search queue is full (64 waiting); try again")), kind: .search)
    ),
    (
      "16-get-reply",
      .reply(
        .get(GetReply(generation: "g1", dimension: 2, found: [true, false, true], vectors: [1, -0.5, 0.25, 4])),
        kind: .get)
    ),
    ("17-stats-reply", .reply(.stats("{\"collections\": 2}"), kind: .stats)),
  ]

  private static let collections = [
    CollectionInfo(
      name: "books", dimension: 128, metric: .l2, sequence: 0, liveGeneration: nil, liveRowCount: 0,
      generationCount: 0, fence: "segment 00ff.vseg: checksum of block 3 is wrong"),
    CollectionInfo(
      name: "videos", dimension: 64, metric: .ip, sequence: 14, liveGeneration: "g1", liveRowCount: 9_000_000_000,
      generationCount: 2, fence: nil),
  ]

  private static let report = VerifyReport(
    fileCount: 5, byteCount: 1 << 40,
    findings: [.init(collection: "videos", file: "00ff.vseg", message: "block 3 of section ids: wrong checksum")])

  private static let generations = [
    GenerationInfo(
      label: "g1", number: 1, state: .live, index: .flat, rowCount: 1_000_000, byteCount: 256_000_000,
      segmentCount: 1, createdAt: 1_793_500_000_000, builtAt: 1_793_500_060_000, publishedAt: 1_793_500_120_000,
      buildProgress: nil, buildError: nil),
    GenerationInfo(
      label: "g2", number: 2, state: .building, index: nil, rowCount: 10, byteCount: 4096, segmentCount: 2,
      createdAt: 1_793_600_000_000, builtAt: nil, publishedAt: nil, buildProgress: 0.25,
      buildError: "not enough memory"),
  ]

  private static let searchReply = SearchReply(
    generation: "2026-11-02", generationNumber: 7, sequence: 99, index: .ivf, parameter: 24,
    expectedRecall: 0.9375,
    resultCounts: [2, 0, 1], ids: [42, .max, 7], scores: [1.5, -0.25, 1e10], interests: [1, 0, 7])
}
