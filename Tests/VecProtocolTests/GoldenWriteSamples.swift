import VecCore
import VecProtocol

/// The messages about single writes and what they make necessary, and the options of a search.
extension GoldenSample {
  static let writes: [(name: String, sample: GoldenSample)] = [
    (
      "15-search-least-sequence-request",
      .request(
        .search(
          SearchRequest(
            collection: "videos", k: 10, dimension: 2, vectors: [0.5, -2], leastSequence: 0x0102_0304_0506_0708)),
        deadline: 500)
    ),
    (
      "15-search-excluded-request",
      .request(
        .search(
          SearchRequest(
            collection: "videos", k: 10, dimension: 1, vectors: [0.5, -2, 3],
            excluded: [[7, 9, 0x1_0000_0000], [], [.max, .max - 255]], scoreLimit: -0.25)),
        deadline: 500)
    ),
    (
      "18-upsert-request",
      .request(
        .upsert(
          UpsertRequest(
            collection: "videos", generation: "2026-11-02", token: token, dimension: 3, ids: [42, .max, 42],
            vectors: [0.5, -1.25, 3, -0.0, 1e-30, 65536, 1, 2, 4])), deadline: 250)
    ),
    (
      "18-upsert-plain-request",
      .request(.upsert(UpsertRequest(collection: "videos", dimension: 1, ids: [0], vectors: [0.1])), deadline: 0)
    ),
    (
      "18-upsert-reply",
      .reply(
        .upsert(WriteReceipt(generation: "2026-11-02", sequence: 1_000_000_000_001, existing: 1)), kind: .upsert)
    ),
    (
      "18-upsert-repeated-reply",
      .reply(.upsert(WriteReceipt(generation: "g1", sequence: 7, existing: 0, isRepeated: true)), kind: .upsert)
    ),
    (
      "18-upsert-error-reply",
      .reply(
        .failure(VecError(.outcomeUnknown, "the sync of the write log failed; send it again with its token")),
        kind: .upsert)
    ),
    (
      "19-delete-request",
      .request(
        .delete(DeleteRequest(collection: "videos", generation: "g1", token: token, ids: [7, 0, .max])), deadline: 0)
    ),
    ("19-delete-plain-request", .request(.delete(DeleteRequest(collection: "videos", ids: [1])), deadline: 0)),
    ("19-delete-reply", .reply(.delete(WriteReceipt(generation: "g1", sequence: 8, existing: 2)), kind: .delete)),
    (
      "20-seal-request", .request(.seal(GenerationRequest(collection: "videos", generation: "g1")), deadline: 0)
    ),
    (
      "20-seal-reply",
      .reply(
        .seal("{\"generation\":\"g1\",\"sequence\":9,\"rows\":3,\"segments\":2}"), kind: .seal)
    ),
    ("21-compact-request", .request(.compact(GenerationRequest(collection: "videos")), deadline: 60_000)),
    (
      "21-compact-reply",
      .reply(
        .compact(
          "{\"generation\":\"g1\",\"sequence\":10,\"rows\":3,\"segments\":1,\"bytes_before\":8192,\"bytes_after\":4096}"),
        kind: .compact)
    ),
    ("22-snapshot-request", .request(.snapshot(name: "before-model_7"), deadline: 0)),
    (
      "22-snapshot-reply",
      .reply(
        .snapshot("{\"path\":\"/var/lib/vecd/snapshots/before-model_7\",\"files\":4,\"bytes\":1048576}"),
        kind: .snapshot)
    ),
    ("23-cancel-build-request", .request(.cancelBuild(GenerationRequest(collection: "videos")), deadline: 0)),
    ("23-cancel-build-reply", .reply(.cancelBuild(wasRunning: true), kind: .cancelBuild)),
  ]

  /// The bytes 1 to 16.
  private static let token = WriteToken(high: 0x0807_0605_0403_0201, low: 0x100F_0E0D_0C0B_0A09)
}
