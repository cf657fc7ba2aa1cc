import VecCore
import VecProtocol

/// The messages about named sets of biases.
extension GoldenSample {
  static let biases: [(name: String, sample: GoldenSample)] = [
    (
      "15-search-bias-request",
      .request(
        .search(SearchRequest(collection: "videos", k: 10, dimension: 2, vectors: [0.5, -2], bias: "fresh:eu")), deadline: 500)
    ),
    (
      "32-bias-request",
      .request(
        .bias(BiasRequest(collection: "videos", set: "fresh:eu", ids: [42, .max, 7], values: [0.25, -1.5, 0])), deadline: 250)
    ),
    ("32-bias-reply", .reply(.bias(count: 2), kind: .bias)),
    (
      "33-forget-biases-request",
      .request(.forgetBiases(NamedSetRequest(collection: "videos", set: "fresh:eu")), deadline: 0)
    ),
    ("33-forget-biases-reply", .reply(.forgetBiases(wasThere: true), kind: .forgetBiases)),
    (
      "34-biases-request",
      .request(.biases(NamedSetRequest(collection: "videos", set: "fresh:eu")), deadline: 1_000)
    ),
    ("34-biases-reply", .reply(.biases(Biases(ids: [42, .max], values: [0.25, -1.5])), kind: .biases)),
  ]
}
