import VecCore
import VecProtocol

/// Seeded requests and replies of every kind, with values from all over their ranges.
struct MessageSource {
  var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func request(_ kind: MessageKind) -> Request {
    switch kind {
    case .hello: .hello(HelloRequest(leastVersion: number(), greatestVersion: number(), clientName: text()))
    case .ping: .ping(bytes(upTo: 300))
    case .create:
      .create(
        CreateRequest(
          collection: name(), dimension: Int.random(in: 1...4096, using: &random), metric: pick(Metric.allCases),
          attributes: definitions(), ids: pick(IDKind.allCases)))
    case .list: .list
    case .drop: .drop(DropRequest(collection: name(), generation: maybe { $0.label() }))
    case .ingestBegin: .ingestBegin(
        IngestBeginRequest(collection: name(), generation: maybe { $0.label() }, model: maybe { $0.model() }))
    case .ingestRows: .ingestRows(rows())
    case .ingestCommit: .ingestCommit(ingest: number())
    case .ingestAbort: .ingestAbort(ingest: number())
    case .buildIndex:
      .buildIndex(
        BuildIndexRequest(
          collection: name(), generation: maybe { $0.label() }, index: maybe { $0.pick(IndexType.allCases) },
          wait: Bool.random(using: &random), targetRecall: maybe { Float.random(in: 0.01...1, using: &$0.random) },
          sample: maybe { $0.sample() }))
    case .publish: .publish(publish())
    case .rollback: .rollback(collection: name())
    case .verify: .verify(collection: maybe { $0.name() })
    case .generations: .generations(GenerationsRequest(collection: name(), withModels: Bool.random(using: &random)))
    case .search: .search(search())
    case .get:
      .get(GetRequest(collection: name(), generation: maybe { $0.label() }, ids: ids(1...40), fields: fields()))
    case .stats: .stats
    case .upsert: .upsert(upsert())
    case .delete:
      .delete(
        DeleteRequest(
          collection: name(), generation: maybe { $0.label() }, token: maybe { $0.token() }, ids: ids(1...40)))
    case .seal: .seal(GenerationRequest(collection: name(), generation: maybe { $0.label() }))
    case .compact: .compact(GenerationRequest(collection: name(), generation: maybe { $0.label() }))
    case .snapshot: .snapshot(name: name())
    case .cancelBuild: .cancelBuild(GenerationRequest(collection: name(), generation: maybe { $0.label() }))
    case .describe: .describe(collection: name())
    case .addAttribute: .addAttribute(AddAttributeRequest(collection: name(), attribute: definition(3)))
    case .exclude:
      .exclude(
        ExcludeRequest(
          collection: name(), set: label(), lifetimeSeconds: maybe { UInt32.random(in: 1...UInt32.max, using: &$0.random) },
          ids: ids(1...40)))
    case .forgetExclusions: .forgetExclusions(NamedSetRequest(collection: name(), set: label()))
    case .exclusions: .exclusions(NamedSetRequest(collection: name(), set: label()))
    case .configure: .configure(ConfigureRequest(collection: name(), change: settingsChange()))
    case .capturedQueries: .capturedQueries(GenerationRequest(collection: name(), generation: maybe { $0.label() }))
    case .publishTogether: .publishTogether(publishes())
    case .bias: .bias(biasRequest())
    case .forgetBiases: .forgetBiases(NamedSetRequest(collection: name(), set: label()))
    case .biases: .biases(NamedSetRequest(collection: name(), set: label()))
    }
  }

  mutating func reply(_ kind: MessageKind) -> Reply {
    switch kind {
    case .hello:
      .hello(
        HandshakeReply(
          version: number(), daemon: text(), frameBodyLimit: number(), inFlightLimit: number(), kMax: number(),
          dimensionMax: number()))
    case .ping: .ping(bytes(upTo: 300))
    case .create: .create
    case .list: .list((0..<small()).map { _ in collection() })
    case .drop: .drop
    case .ingestBegin:
      .ingestBegin(
        IngestBeginReply(ingest: number(), generation: label(), dimension: small(), metric: pick(Metric.allCases)))
    case .ingestRows: .ingestRows(received: number())
    case .ingestCommit:
      .ingestCommit(
        IngestReceipt(
          rowCount: number(), byteCount: number(), elementType: pick(ElementType.allCases), sequence: number()))
    case .ingestAbort: .ingestAbort
    case .buildIndex: .buildIndex(BuildReceipt(generation: label(), report: maybe { "{\"index\": \"\($0.name())\"}" }))
    case .publish: .publish(outcome())
    case .rollback:
      .rollback(PublishReceipt(sequence: number(), live: label(), replaced: maybe { $0.label() }))
    case .verify:
      .verify(
        VerifyReport(
          fileCount: number(), byteCount: number(),
          findings: (0..<small()).map { _ in .init(collection: name(), file: text(), message: text()) }))
    case .generations: generationsReply()
    case .search: .search(searchReply())
    case .get:
      .get(getReply())
    case .stats: .stats("{\"version\": \"\(text())\"}")
    case .upsert: .upsert(receipt())
    case .delete: .delete(receipt())
    case .seal: .seal("{\"generation\": \"\(label())\"}")
    case .compact: .compact("{\"generation\": \"\(label())\"}")
    case .snapshot: .snapshot("{\"path\": \"\(name())\"}")
    case .cancelBuild: .cancelBuild(wasRunning: Bool.random(using: &random))
    case .describe:
      .describe(
        CollectionDescription(
          dimension: small(), metric: pick(Metric.allCases), attributes: definitions(), settings: settings()))
    case .addAttribute: .addAttribute(position: small())
    case .exclude: .exclude(count: number())
    case .forgetExclusions: .forgetExclusions(wasThere: Bool.random(using: &random))
    case .exclusions: .exclusions(exclusions())
    case .configure: .configure
    case .capturedQueries: .capturedQueries(sample())
    case .publishTogether: .publishTogether((0..<small()).map { _ in outcome() })
    case .bias: .bias(count: number())
    case .forgetBiases: .forgetBiases(wasThere: Bool.random(using: &random))
    case .biases: .biases(biases())
    }
  }

  private mutating func biasRequest() -> BiasRequest {
    let ids = ids(1...40)
    return BiasRequest(collection: name(), set: label(), ids: ids, values: ids.map { _ in bias() })
  }

  private mutating func biases() -> Biases {
    let ids = Set(ids(0...40)).sorted()
    return Biases(ids: ids, values: ids.map { _ in bias() })
  }

  private mutating func bias() -> Float { Float.random(in: 0.001...1e9, using: &random) * (Bool.random(using: &random) ? 1 : -1) }

  mutating func failure() -> Reply { .failure(VecError(pick(VecErrorCode.allCases), text())) }

  mutating func rows() -> IngestRows {
    let dimension = Int.random(in: 1...9, using: &random)
    let ids = ids(1...12)
    let count = dimension * ids.count
    let elements: IngestRows.Elements =
      switch pick(ElementType.allCases) {
      case .f32: .f32((0..<count).map { _ in float() })
      case .f16: .f16((0..<count).map { _ in number() })
      case .bf16: .bf16((0..<count).map { _ in number() })
      }
    return IngestRows(
      ingest: number(), dimension: dimension, ids: ids, elements: elements, records: someRecords(ids.count))
  }

  mutating func search() -> SearchRequest {
    let interests = Int.random(in: 1...8, using: &random)
    let dimension = Int.random(in: 1...20, using: &random)
    let queries = Int.random(in: 1...5, using: &random)
    let effort: SearchEffort =
      switch small() {
      case 0: .standard
      case 1: .recall(Float.random(in: 0.01...1, using: &random))
      case 2: .ef(UInt32.random(in: 1...UInt32.max, using: &random))
      case 3: .nprobe(UInt32.random(in: 1...UInt32.max, using: &random))
      default: .exact
      }
    let excluded: [IDSet] = (0..<pick([0, 1, queries])).map { _ in IDSet(ids(0...9)) }
    let k = Int.random(in: 1...Limits.kMax, using: &random)
    return SearchRequest(
      collection: name(), generation: maybe { $0.label() }, k: k,
      effort: effort, index: maybe { $0.pick(IndexType.allCases) }, interests: interests, dimension: dimension,
      vectors: (0..<(queries * interests * dimension)).map { _ in float() }, leastSequence: maybe { $0.number() },
      excluded: excluded, excludeSets: (0..<pick([0, 1, queries])).map { _ in maybe { $0.label() } ?? "" },
      scoreLimit: maybe { $0.float() }, filter: bytes(upTo: 20), fields: fields(),
      selection: selection(k, interests), weights: pick([[], (0..<interests).map { Float($0 + 1) }]),
      logSumExp: maybe { Float.random(in: 0.001...9, using: &$0.random) }, model: maybe { $0.model() },
      bias: maybe { $0.label() })
  }

  private mutating func selection(_ k: Int, _ interests: Int) -> SearchSelection {
    SearchSelection(
      group: maybe { .init(attribute: "a", most: $0.small() + 1) },
      quotas: pick([[], (0..<interests).map { .init(least: k / interests / 2, most: k + $0) }]),
      diversity: maybe { .init(lambda: 0.5, pool: $0.maybe { _ in k }) })
  }

  private mutating func upsert() -> UpsertRequest {
    let dimension = Int.random(in: 1...9, using: &random)
    let ids = ids(1...12)
    return UpsertRequest(
      collection: name(), generation: maybe { $0.label() }, token: maybe { $0.token() }, dimension: dimension, ids: ids,
      vectors: (0..<(dimension * ids.count)).map { _ in float() }, records: someRecords(ids.count),
      model: maybe { $0.model() })
  }

  private mutating func definition(_ number: Int) -> AttributeDefinition {
    AttributeDefinition(name: "a\(number)", type: pick(AttributeType.allCases))
  }

  private mutating func definitions() -> [AttributeDefinition] { (0..<small()).map { definition($0) } }

  private mutating func fields() -> ItemFields { pick([[], .attributes, .payload, .all]) }

  /// One for each row, or none.
  private mutating func someRecords(_ count: Int) -> [AttributeRecord] {
    Bool.random(using: &random) ? (0..<count).map { _ in record() } : []
  }

  private mutating func record() -> AttributeRecord {
    var record = AttributeRecord(payload: bytes(upTo: 20), stringID: maybe { Keyword("sku-\($0.small())é") })
    for position in 0..<small() {
      record[position] = maybe {
        switch $0.pick(AttributeType.allCases) {
        case .int: .int($0.number())
        case .float: .float(Double($0.float()))
        case .bool: .bool(Bool.random(using: &$0.random))
        case .keyword: .keyword(Keyword($0.text()))
        case .keywords:
          switch $0.small() {
          case 0: .keywords([])
          default: .set(["é", Keyword($0.text())])
          }
        }
      }
    }
    return record
  }

  private mutating func token() -> WriteToken { WriteToken.random(using: &random) }

  private mutating func receipt() -> WriteReceipt {
    WriteReceipt(
      generation: label(), sequence: number(), existing: number(), isRepeated: Bool.random(using: &random))
  }

  private mutating func sample() -> QuerySample {
    let dimension = Int.random(in: 1...20, using: &random)
    let count = Int.random(in: 1...5, using: &random)
    return QuerySample(dimension: dimension, vectors: (0..<(count * dimension)).map { _ in float() })
  }

  private mutating func searchReply() -> SearchReply {
    let counts = (0..<small()).map { _ in UInt32.random(in: 0...9, using: &random) }
    let total = Int(counts.reduce(0, +))
    return SearchReply(
      generation: label(), generationNumber: number(), sequence: number(), index: pick(IndexType.allCases),
      parameter: UInt32.random(in: 0...UInt32.max, using: &random), expectedRecall: float(),
      resultCounts: counts, ids: (0..<total).map { _ in number() },
      scores: (0..<total).map { _ in float() },
      interests: (0..<total).map { _ in UInt8.random(in: 0...7, using: &random) }, records: someRecords(total))
  }

  private mutating func exclusions() -> Exclusions {
    let ids = IDSet(ids(0...20)).ids
    return Exclusions(ids: ids, ends: ids.map { _ in maybe { Int64.random(in: 0...Int64.max, using: &$0.random) } })
  }

  private mutating func getReply() -> GetReply {
    let dimension = Int.random(in: 1...20, using: &random)
    let found = (0..<small()).map { _ in Bool.random(using: &random) }
    let count = dimension * found.filter { $0 }.count
    return GetReply(
      generation: label(), dimension: dimension, found: found, vectors: (0..<count).map { _ in float() },
      records: someRecords(found.filter { $0 }.count))
  }

  private mutating func collection() -> CollectionInfo {
    CollectionInfo(
      name: name(), dimension: small(), metric: pick(Metric.allCases), sequence: number(),
      liveGeneration: maybe { $0.label() }, liveRowCount: number(), generationCount: small(),
      fence: maybe { $0.text() })
  }

  private mutating func generation() -> GenerationInfo {
    GenerationInfo(
      label: label(), number: number(), state: pick(GenerationState.allCases),
      index: maybe { $0.pick(IndexType.allCases) }, rowCount: number(), byteCount: number(), segmentCount: small(),
      createdAt: number(), builtAt: maybe { Int64.random(in: 0...Int64.max, using: &$0.random) },
      publishedAt: maybe { Int64.random(in: 0...Int64.max, using: &$0.random) },
      buildProgress: maybe { Float.random(in: 0...1, using: &$0.random) }, buildError: maybe { $0.text() })
  }

  private mutating func generationsReply() -> Reply {
    var generations = (0..<small()).map { _ in generation() }
    let withModels = !generations.isEmpty && Bool.random(using: &random)
    if withModels {
      for place in generations.indices { generations[place].model = maybe { $0.model() } }
    }
    return .generations(generations, withModels: withModels)
  }

  private mutating func outcome() -> PublishOutcome {
    PublishOutcome(sequence: number(), replaced: maybe { $0.label() }, report: maybe { "{\"k\": \($0.small())}" })
  }

  private mutating func settingsChange() -> SettingsChange {
    SettingsChange(
      modelPolicy: pick(ModelPolicy.allCases), capturedQueries: maybe { Int.random(in: 0...65_536, using: &$0.random) },
      gaugeShare: maybe { Float.random(in: 0...1, using: &$0.random) })
  }

  private mutating func settings() -> CollectionSettings { CollectionSettings().changed(by: settingsChange()) }

  private mutating func publish(isDryRun: Bool? = nil) -> PublishRequest {
    let queries = maybe { $0.sample() }
    var checks = PublishChecks(
      leastRows: maybe { $0.number() }, leastRecall: maybe { Float.random(in: 0...1, using: &$0.random) },
      leastOverlap: maybe { Float.random(in: 0...1, using: &$0.random) }, model: maybe { $0.model() },
      k: maybe { Int.random(in: 1...Limits.kMax, using: &$0.random) }, queries: queries,
      liveQueries: queries.flatMap { queries in maybe { _ in queries } }, isDryRun: isDryRun ?? Bool.random(using: &random))
    checks.leastShare = maybe { Float.random(in: 0...9, using: &$0.random) }
    checks.greatestDrift = maybe { Float.random(in: 0...9, using: &$0.random) }
    checks.greatestUnseen = maybe { Float.random(in: 0...1, using: &$0.random) }
    return PublishRequest(collection: name(), generation: label(), expected: expected(), checks: checks)
  }

  private mutating func publishes() -> [PublishRequest] {
    let isDryRun = Bool.random(using: &random)
    return (0...small()).map { place in
      var request = publish(isDryRun: isDryRun)
      request.collection = "c\(place)"
      return request
    }
  }

  private mutating func expected() -> ExpectedLive {
    switch small() {
    case 0: .any
    case 1: .nothing
    default: .label(label())
    }
  }

  mutating func bytes(upTo limit: Int) -> [UInt8] {
    (0..<Int.random(in: 0...limit, using: &random)).map { _ in number() }
  }

  mutating func number<T: FixedWidthInteger & UnsignedInteger>() -> T { T(truncatingIfNeeded: random.next()) }
  private mutating func number() -> Int64 { Int64(truncatingIfNeeded: random.next()) }
  private mutating func small() -> Int { Int.random(in: 0...4, using: &random) }
  private mutating func float() -> Float { Float.random(in: -1e9...1e9, using: &random) }
  private mutating func ids(_ counts: ClosedRange<Int>) -> [UInt64] {
    (0..<Int.random(in: counts, using: &random)).map { _ in random.next() }
  }

  private mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: values.indices, using: &random)] }

  private mutating func maybe<T>(_ make: (inout MessageSource) -> T) -> T? {
    Bool.random(using: &random) ? make(&self) : nil
  }

  private mutating func name() -> String { word("abz09_-", first: "az09") }
  private mutating func model() -> String { word("aZ09._:/@+-", first: "aZ9") }
  private mutating func label() -> String { word("aZ09._:-", first: "aZ9") }

  private mutating func word(_ alphabet: String, first: String) -> String {
    let rest = (0..<Int.random(in: 0...63, using: &random)).map { _ in pick(Array(alphabet)) }
    return String([pick(Array(first))] + rest)
  }

  /// Not empty, since the empty text means "none" in most places.
  private mutating func text() -> String {
    String((0...Int.random(in: 0...20, using: &random)).map { _ in pick(Array("a é漢🙂\"\\\n")) })
  }
}
