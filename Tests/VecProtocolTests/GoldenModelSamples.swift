import VecCore
import VecProtocol

extension GoldenSample {
  /// Model versions, settings, checked publishes.
  static let models: [(name: String, sample: GoldenSample)] = [
    (
      "06-ingest-begin-model-request",
      .request(
        .ingestBegin(IngestBeginRequest(collection: "videos", generation: "g2", model: "tt/2026-11-29@a+b")), deadline: 0)
    ),
    (
      "11-publish-checks-request",
      .request(
        .publish(PublishRequest(collection: "videos", generation: "g2", expected: .label("g1"), checks: everyCheck)),
        deadline: 0)
    ),
    (
      "11-publish-dry-run-request",
      .request(
        .publish(PublishRequest(collection: "videos", generation: "g2", checks: PublishChecks(isDryRun: true))), deadline: 0)
    ),
    (
      "11-publish-checks-reply",
      .reply(
        .publish(PublishOutcome(sequence: 13, replaced: "g1", report: "{\"passed\":true}")), kind: .publish)
    ),
    (
      "11-publish-error-reply",
      .reply(
        .failure(VecError(.publishRefused, "generation g2 of videos was not published: recall is 0.5, at least 0.9 was asked")),
        kind: .publish)
    ),
    (
      "14-generations-models-request",
      .request(.generations(GenerationsRequest(collection: "videos", withModels: true)), deadline: 0)
    ),
    (
      "14-generations-models-reply",
      .reply(.generations(withModels, withModels: true), kind: .generations)
    ),
    (
      "15-search-model-request",
      .request(
        .search(SearchRequest(collection: "videos", k: 10, dimension: 2, vectors: [0.5, -2], model: "mind-7")), deadline: 20)
    ),
    (
      "15-search-log-sum-exp-request",
      .request(
        .search(
          SearchRequest(
            collection: "videos", k: 10, interests: 2, dimension: 2, vectors: [0.5, -2, 1, 1], weights: [1, 0.5],
            logSumExp: 0.125)), deadline: 0)
    ),
    (
      "15-search-model-error-reply",
      .reply(
        .failure(VecError(.modelMismatch, "the vectors are of model \"mind-7\", generation g1 of videos carries \"mind-6\"")),
        kind: .search)
    ),
    (
      "18-upsert-model-request",
      .request(
        .upsert(
          UpsertRequest(
            collection: "videos", token: WriteToken(high: 1, low: 2), dimension: 2, ids: [7], vectors: [0.5, -2],
            model: "mind-7")), deadline: 0)
    ),
    ("24-describe-settings-reply", .reply(.describe(described), kind: .describe)),
    (
      "29-configure-request",
      .request(
        .configure(
          ConfigureRequest(
            collection: "videos", change: SettingsChange(modelPolicy: .count, capturedQueries: 4_096, gaugeShare: 0.01))),
        deadline: 0)
    ),
    (
      "29-configure-one-request",
      .request(
        .configure(ConfigureRequest(collection: "videos", change: SettingsChange(capturedQueries: 0))), deadline: 5)
    ),
    ("29-configure-reply", .reply(.configure, kind: .configure)),
    (
      "30-captured-queries-request",
      .request(.capturedQueries(GenerationRequest(collection: "videos", generation: "g1")), deadline: 0)
    ),
    (
      "30-captured-queries-reply",
      .reply(.capturedQueries(QuerySample(dimension: 2, vectors: [1, -0.5, 0.25, 4])), kind: .capturedQueries)
    ),
    (
      "31-publish-together-request",
      .request(
        .publishTogether([
          PublishRequest(collection: "videos", generation: "g2", checks: PublishChecks(leastRows: 5)),
          PublishRequest(collection: "authors", generation: "g7", expected: .nothing),
        ]), deadline: 0)
    ),
    (
      "31-publish-together-reply",
      .reply(
        .publishTogether([
          PublishOutcome(sequence: 13, replaced: "g1", report: "{\"passed\":true}"),
          PublishOutcome(sequence: 2, replaced: nil, report: "{}"),
        ]), kind: .publishTogether)
    ),
  ]

  private static let everyCheck = PublishChecks(
    leastRows: 1_000_000, leastShare: 0.875, leastRecall: 0.9375, leastOverlap: 0.25, greatestDrift: 1.5,
    greatestUnseen: 0.96875, model: "mind-7", k: 50, queries: QuerySample(dimension: 2, vectors: [1, -0.5, 0.25, 4]),
    liveQueries: QuerySample(dimension: 2, vectors: [2, 0.5, -0.25, 8]), isDryRun: true)

  private static let withModels = [
    GenerationInfo(
      label: "g1", number: 1, state: .live, index: .flat, rowCount: 1_000_000, byteCount: 256_000_000, segmentCount: 1,
      createdAt: 1_793_500_000_000, builtAt: 1_793_500_060_000, publishedAt: 1_793_500_120_000, buildProgress: nil,
      buildError: nil, model: "mind-6"),
    GenerationInfo(
      label: "g2", number: 2, state: .building, index: nil, rowCount: 10, byteCount: 4096, segmentCount: 2,
      createdAt: 1_793_600_000_000, builtAt: nil, publishedAt: nil, buildProgress: nil, buildError: nil),
  ]

  private static let described: CollectionDescription = {
    var description = CollectionDescription(dimension: 64, metric: .ip, attributes: [])
    description.settings.modelPolicy = .route
    description.settings.capturedQueries = 256
    description.settings.gaugeShare = 0.5
    return description
  }()
}
