import VecCore
import VecProtocol

/// The messages about string ids.
extension GoldenSample {
  static let stringIDs: [(name: String, sample: GoldenSample)] = [
    (
      "03-create-string-ids-request",
      .request(.create(CreateRequest(collection: "shop", dimension: 2, metric: .ip, ids: .string)), deadline: 0)
    ),
    (
      "07-ingest-rows-string-ids-request",
      .request(
        .ingestRows(
          IngestRows(
            ingest: 3, dimension: 1, ids: [StringID.id(of: "sku-17"), StringID.id(of: "é")], elements: .f32([0.5, -2]),
            records: [AttributeRecord([(0, .int(-3))], payload: [1], stringID: "sku-17"), AttributeRecord(stringID: "é")])),
        deadline: 0)
    ),
    (
      "15-search-string-ids-request",
      .request(
        .search(SearchRequest(collection: "shop", k: 10, dimension: 1, vectors: [0.5], fields: [.payload, .stringID])),
        deadline: 500)
    ),
    (
      "15-search-string-ids-reply",
      .reply(
        .search(
          SearchReply(
            generation: "g1", generationNumber: 2, sequence: 3, index: .flat, expectedRecall: 1, resultCounts: [1],
            ids: [StringID.id(of: "sku-17")], scores: [2.5], interests: [0],
            records: [AttributeRecord(payload: [1], stringID: "sku-17")])),
        kind: .search)
    ),
    (
      "24-describe-string-ids-reply",
      .reply(
        .describe(CollectionDescription(dimension: 2, metric: .ip, attributes: [], ids: .string)), kind: .describe)
    ),
  ]
}
