import VecCore
import VecProtocol

/// The messages about named sets of excluded ids.
extension GoldenSample {
  static let exclusions: [(name: String, sample: GoldenSample)] = [
    (
      "15-search-exclude-set-request",
      .request(
        .search(
          SearchRequest(
            collection: "videos", k: 10, dimension: 2, vectors: [0.5, -2], excluded: [[7]], excludeSets: ["user-17"])),
        deadline: 500)
    ),
    (
      "15-search-exclude-sets-request",
      .request(
        .search(
          SearchRequest(
            collection: "videos", k: 10, dimension: 1, vectors: [0.5, -2, 3], excludeSets: ["user-17", "", "U:9.b_c"])),
        deadline: 0)
    ),
    (
      "26-exclude-request",
      .request(
        .exclude(ExcludeRequest(collection: "videos", set: "user-17", lifetimeSeconds: 2_592_000, ids: [42, .max, 7])),
        deadline: 250)
    ),
    (
      "26-exclude-for-ever-request",
      .request(.exclude(ExcludeRequest(collection: "videos", set: "U:9.b_c", ids: [0])), deadline: 0)
    ),
    ("26-exclude-reply", .reply(.exclude(count: 65_536), kind: .exclude)),
    (
      "26-exclude-error-reply",
      .reply(
        .failure(VecError(.limitExceeded, "videos has 1048576 exclude sets, at most 1048576: forget some")), kind: .exclude)
    ),
    (
      "27-forget-exclusions-request",
      .request(.forgetExclusions(NamedSetRequest(collection: "videos", set: "user-17")), deadline: 0)
    ),
    ("27-forget-exclusions-reply", .reply(.forgetExclusions(wasThere: true), kind: .forgetExclusions)),
    (
      "28-exclusions-request",
      .request(.exclusions(NamedSetRequest(collection: "videos", set: "user-17")), deadline: 1_000)
    ),
    (
      "28-exclusions-reply",
      .reply(
        .exclusions(Exclusions(ids: [7, 42, .max], ends: [1_800_000_000_000, nil, 0])), kind: .exclusions)
    ),
  ]
}
