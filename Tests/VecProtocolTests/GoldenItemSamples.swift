import VecCore
import VecProtocol

/// The messages about attributes, payloads and filters.
extension GoldenSample {
  static let items: [(name: String, sample: GoldenSample)] = [
    (
      "03-create-attributes-request",
      .request(
        .create(CreateRequest(collection: "shop", dimension: 2, metric: .ip, attributes: definitions)), deadline: 0)
    ),
    (
      "07-ingest-rows-records-request",
      .request(
        .ingestRows(
          IngestRows(ingest: 3, dimension: 1, ids: [42, .max], elements: .f32([0.5, -2]), records: [record, .init()])),
        deadline: 0)
    ),
    (
      "15-search-filter-request",
      .request(
        .search(
          SearchRequest(
            collection: "shop", k: 10, dimension: 1, vectors: [0.5],
            // stock < 20
            filter: [1, 7, 5, 0x73, 0x74, 0x6F, 0x63, 0x6B, 0, 20, 0, 0, 0, 0, 0, 0, 0], fields: [.attributes, .payload])),
        deadline: 500)
    ),
    (
      "15-search-selection-request",
      .request(
        .search(
          SearchRequest(
            collection: "shop", k: 10, interests: 2, dimension: 1, vectors: [0.5, -1],
            selection: SearchSelection(
              group: .init(attribute: "brand", most: 2), quotas: [.init(least: 3, most: 7), .init(least: 0, most: 10)],
              diversity: .init(lambda: 0.75, pool: 200)), weights: [1, 0.5])),
        deadline: 500)
    ),
    (
      "15-search-fields-reply",
      .reply(
        .search(
          SearchReply(
            generation: "g1", generationNumber: 2, sequence: 3, index: .flat, expectedRecall: 1, resultCounts: [1, 1],
            ids: [7, 9], scores: [2.5, -1], interests: [0, 0], records: [.init(), record])),
        kind: .search)
    ),
    (
      "16-get-fields-request",
      .request(.get(GetRequest(collection: "shop", ids: [7, 8], fields: .payload)), deadline: 0)
    ),
    (
      "16-get-fields-reply",
      .reply(
        .get(
          GetReply(
            generation: "g1", dimension: 1, found: [true, false], vectors: [0.5],
            records: [AttributeRecord(payload: [0, 255])])),
        kind: .get)
    ),
    (
      "18-upsert-records-request",
      .request(
        .upsert(
          UpsertRequest(
            collection: "shop", token: WriteToken(high: 1, low: 2), dimension: 1, ids: [7], vectors: [0.25], records: [record])),
        deadline: 0)
    ),
    ("24-describe-request", .request(.describe(collection: "shop"), deadline: 0)),
    (
      "24-describe-reply",
      .reply(
        .describe(CollectionDescription(dimension: 2, metric: .ip, attributes: definitions)), kind: .describe)
    ),
    (
      "25-add-attribute-request",
      .request(
        .addAttribute(
          AddAttributeRequest(collection: "shop", attribute: AttributeDefinition(name: "stock", type: .int))),
        deadline: 0)
    ),
    ("25-add-attribute-reply", .reply(.addAttribute(position: 3), kind: .addAttribute)),
  ]

  private static let definitions = [
    AttributeDefinition(name: "stock", type: .int), AttributeDefinition(name: "price", type: .float),
    AttributeDefinition(name: "is_new", type: .bool), AttributeDefinition(name: "brand", type: .keyword),
    AttributeDefinition(name: "tags", type: .keywords),
  ]

  private static let record = AttributeRecord(
    [
      (0, .int(-3)), (1, .float(9.5)), (2, .bool(true)), (3, .keyword("é")), (4, .set(["live", "hd"])),
    ],
    payload: Array("{\"title\":\"a\"}".utf8))
}
