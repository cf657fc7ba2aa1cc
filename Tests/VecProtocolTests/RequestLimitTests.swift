import Testing
import VecCore
import VecProtocol

@Suite("A value out of range")
struct RequestLimitTests {
  static let search = SearchRequest(collection: "c", k: 10, dimension: 2, vectors: [1, 2])

  static func changed(_ change: (inout SearchRequest) -> Void) -> Request {
    var request = search
    change(&request)
    return .search(request)
  }

  static func build(targetRecall: Float? = nil, sample: QuerySample? = nil) -> Request {
    .buildIndex(BuildIndexRequest(collection: "c", wait: true, targetRecall: targetRecall, sample: sample))
  }

  /// What a frame cannot say, so that only the client can have it.
  static let unsayable: [(String, Request)] = [
    ("target recall 0", build(targetRecall: 0)),
    ("sample dimension 0", build(sample: QuerySample(dimension: 0, vectors: [1]))),
    ("sample of a part", build(sample: QuerySample(dimension: 2, vectors: [1, 2, 3]))),
    ("sample of none", build(sample: QuerySample(dimension: 2, vectors: []))),
  ]

  static let outOfRange: [(String, Request, VecErrorCode)] = [
    ("k 0", changed { $0.k = 0 }, .invalidArgument),
    ("k above", changed { $0.k = Limits.kMax + 1 }, .limitExceeded),
    (
      "interests above",
      changed {
        $0.interests = 9
        $0.dimension = 1
        $0.vectors = .init(repeating: 1, count: 9)
      }, .limitExceeded
    ),
    (
      "interests 0",
      changed {
        $0.interests = 0
        $0.vectors = []
      }, .invalidArgument
    ),
    ("no query", changed { $0.vectors = [] }, .invalidArgument),
    (
      "dimension above",
      changed {
        $0.dimension = 4097
        $0.vectors = .init(repeating: 1, count: 4097)
      }, .limitExceeded
    ),
    (
      "queries above",
      changed {
        $0.dimension = 1
        $0.k = 1
        $0.vectors = .init(repeating: 1, count: 4097)
      }, .limitExceeded
    ),
    (
      "queries x k above",
      changed {
        $0.dimension = 1
        $0.k = 16_384
        $0.vectors = .init(repeating: 1, count: 129)
      }, .limitExceeded
    ),
    ("recall 0", changed { $0.effort = .recall(0) }, .invalidArgument),
    ("recall above 1", changed { $0.effort = .recall(1.5) }, .invalidArgument),
    ("recall NaN", changed { $0.effort = .recall(.nan) }, .invalidArgument),
    ("ef 0", changed { $0.effort = .ef(0) }, .invalidArgument),
    ("nprobe 0", changed { $0.effort = .nprobe(0) }, .invalidArgument),
    ("collection name", changed { $0.collection = "../x" }, .invalidArgument),
    ("empty collection name", changed { $0.collection = "" }, .invalidArgument),
    ("label", changed { $0.generation = "a b" }, .invalidArgument),
    ("long label", changed { $0.generation = String(repeating: "a", count: 65) }, .invalidArgument),
    ("create name", .create(CreateRequest(collection: "Upper", dimension: 4, metric: .ip)), .invalidArgument),
    ("create dimension 0", .create(CreateRequest(collection: "c", dimension: 0, metric: .ip)), .invalidArgument),
    ("create dimension above", .create(CreateRequest(collection: "c", dimension: 4097, metric: .ip)), .limitExceeded),
    ("target recall above 1", build(targetRecall: 1.5), .invalidArgument),
    ("target recall NaN", build(targetRecall: .nan), .invalidArgument),
    (
      "sample dimension above",
      build(sample: QuerySample(dimension: 4097, vectors: .init(repeating: 1, count: 4097))), .limitExceeded
    ),
    (
      "sample above",
      build(sample: QuerySample(dimension: 1, vectors: .init(repeating: 1, count: 65_537))), .limitExceeded
    ),
    ("publish without label", .publish(PublishRequest(collection: "c", generation: "")), .invalidArgument),
    (
      "publish expected", .publish(PublishRequest(collection: "c", generation: "g", expected: .label("é"))),
      .invalidArgument
    ),
    ("get nothing", .get(GetRequest(collection: "c", ids: [])), .invalidArgument),
    ("get too many", .get(GetRequest(collection: "c", ids: .init(repeating: 1, count: 65_537))), .limitExceeded),
    ("ping too long", .ping(.init(repeating: 0, count: 65_537)), .limitExceeded),
    ("no rows", .ingestRows(IngestRows(ingest: 1, dimension: 2, ids: [], elements: .f32([]))), .invalidArgument),
    (
      "too many rows",
      .ingestRows(
        IngestRows(
          ingest: 1, dimension: 1, ids: .init(repeating: 1, count: 1_048_577),
          elements: .f16(.init(repeating: 1, count: 1_048_577)))), .limitExceeded
    ),
    (
      "rows of dimension 0", .ingestRows(IngestRows(ingest: 1, dimension: 0, ids: [1], elements: .f32([]))),
      .invalidArgument
    ),
    ("verify name", .verify(collection: "a/b"), .invalidArgument),
    ("rollback name", .rollback(collection: ""), .invalidArgument),
    ("generations name", .generations(GenerationsRequest(collection: "x y")), .invalidArgument),
    (
      "temperature 0",
      .search(SearchRequest(collection: "c", k: 1, dimension: 1, vectors: [1], logSumExp: 0)), .invalidArgument
    ),
    (
      "temperature that is none",
      .search(SearchRequest(collection: "c", k: 1, dimension: 1, vectors: [1], logSumExp: .nan)), .invalidArgument
    ),
    ("nothing to configure", configure(SettingsChange()), .invalidArgument),
    ("too many captured queries", configure(SettingsChange(capturedQueries: 65_537)), .limitExceeded),
    ("gauge share above 1", configure(SettingsChange(gaugeShare: 1.5)), .invalidArgument),
    ("gauge share below 0", configure(SettingsChange(gaugeShare: -0.1)), .invalidArgument),
    ("gauge share that is none", configure(SettingsChange(gaugeShare: .nan)), .invalidArgument),
    ("model of an ingest", .ingestBegin(IngestBeginRequest(collection: "c", model: "a b")), .invalidArgument),
    ("model of a publish", publish(PublishChecks(model: "-a")), .invalidArgument),
    ("recall of a publish", publish(PublishChecks(leastRecall: 1.01)), .invalidArgument),
    ("overlap of a publish", publish(PublishChecks(leastOverlap: -1)), .invalidArgument),
    ("unseen share of a publish", publish(PublishChecks(greatestUnseen: .nan)), .invalidArgument),
    ("drift of a publish", publish(PublishChecks(greatestDrift: -1)), .invalidArgument),
    ("endless drift of a publish", publish(PublishChecks(greatestDrift: .infinity)), .invalidArgument),
    ("share of a publish", publish(PublishChecks(leastShare: -0.5)), .invalidArgument),
    ("k of a publish", publish(PublishChecks(k: 16_385)), .limitExceeded),
    (
      "live queries alone", publish(PublishChecks(liveQueries: QuerySample(dimension: 1, vectors: [1]))), .invalidArgument
    ),
    (
      "other live queries than queries",
      publish(
        PublishChecks(
          queries: QuerySample(dimension: 1, vectors: [1, 2]), liveQueries: QuerySample(dimension: 1, vectors: [1]))),
      .invalidArgument
    ),
    (
      "too many queries of a publish",
      publish(PublishChecks(queries: QuerySample(dimension: 1, vectors: .init(repeating: 1, count: 4_097)))),
      .limitExceeded
    ),
    ("no publish at all", .publishTogether([]), .invalidArgument),
    (
      "too many publishes",
      .publishTogether((0..<17).map { PublishRequest(collection: "c\($0)", generation: "g") }), .limitExceeded
    ),
    (
      "a collection twice",
      .publishTogether([PublishRequest(collection: "c", generation: "g"), PublishRequest(collection: "c", generation: "h")]),
      .invalidArgument
    ),
    (
      "half a dry run",
      .publishTogether([
        PublishRequest(collection: "c", generation: "g", checks: PublishChecks(isDryRun: true)),
        PublishRequest(collection: "d", generation: "h"),
      ]), .invalidArgument
    ),
    ("drop label", .drop(DropRequest(collection: "c", generation: "-a")), .invalidArgument),
  ]

  private static func configure(_ change: SettingsChange) -> Request {
    .configure(ConfigureRequest(collection: "c", change: change))
  }

  private static func publish(_ checks: PublishChecks) -> Request {
    .publish(PublishRequest(collection: "c", generation: "g", checks: checks))
  }

  @Test("is refused by the daemon's decoder with the code of a value, not of a form", arguments: outOfRange.indices)
  func decoder(index: Int) {
    let (what, request, expected) = Self.outOfRange[index]
    #expect(code { _ = try Request.decode(kind: request.kind, body: body(request)) } == expected, "\(what)")
  }

  @Test("is refused by the client's check with the same code", arguments: outOfRange.indices)
  func check(index: Int) {
    let (what, request, expected) = Self.outOfRange[index]
    #expect(code { try request.check() } == expected, "\(what)")
  }

  @Test("that no frame can say is refused by the client's check", arguments: unsayable.indices)
  func clientOnly(index: Int) {
    let (what, request) = Self.unsayable[index]
    #expect(code { try request.check() } == .invalidArgument, "\(what)")
  }

  @Test("at its very limit is taken")
  func limitsInclusive() throws {
    var request = Self.search
    request.k = Limits.kMax
    request.dimension = Limits.dimensionMax
    request.interests = 1
    request.vectors = .init(repeating: 1, count: 128 * Limits.dimensionMax)
    #expect(try Request.decode(kind: .search, body: body(.search(request))) == .search(request))
    let ping = Request.ping(.init(repeating: 1, count: Limits.pingBytesMax))
    #expect(try Request.decode(kind: .ping, body: body(ping)) == ping)
    let get = Request.get(GetRequest(collection: "c", ids: .init(repeating: 1, count: Limits.getIdsMax)))
    #expect(try Request.decode(kind: .get, body: body(get)) == get)
  }

  @Test("of an enumeration is a form error")
  func enumerations() {
    let metric = body(.create(CreateRequest(collection: "c", dimension: 2, metric: .ip)))
    #expect(code { _ = try Request.decode(kind: .create, body: metric.dropLast() + [3]) } == .malformedFrame)
    var search = body(.search(Self.search))
    search[9] = 5
    #expect(code { _ = try Request.decode(kind: .search, body: search) } == .malformedFrame)
    search[9] = 4
    search[10] = 1
    #expect(code { _ = try Request.decode(kind: .search, body: search) } == .malformedFrame)
    let build = body(.buildIndex(BuildIndexRequest(collection: "c", wait: true)))
    let flagged = Array(build.dropLast(13)) + [2] + build.suffix(12)
    #expect(code { _ = try Request.decode(kind: .buildIndex, body: flagged) } == .malformedFrame)
    let dimensioned = Array(build.dropLast()) + [1]  // a dimension, but no sample
    #expect(code { _ = try Request.decode(kind: .buildIndex, body: dimensioned) } == .malformedFrame)
    let publish = body(.publish(PublishRequest(collection: "c", generation: "g", expected: .label("x"))))
    var unflagged = publish
    unflagged[6] = 0
    #expect(code { _ = try Request.decode(kind: .publish, body: unflagged) } == .malformedFrame)
  }

  @Test("text that is not UTF-8 is malformed")
  func invalidText() {
    #expect(code { _ = try Request.decode(kind: .rollback, body: [2, 0, 0xC3, 0x28]) } == .malformedFrame)
  }

  @Test("a count that the bytes cannot hold is refused before anything is reserved for it")
  func hugeCounts() {
    let max: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
    #expect(code { _ = try Reply.decode(kind: .list, status: 0, body: max) } == .malformedFrame)
    #expect(code { _ = try Reply.decode(kind: .generations, status: 0, body: max) } == .malformedFrame)
    let zeros = [UInt8](repeating: 0, count: 16)
    #expect(code { _ = try Reply.decode(kind: .verify, status: 0, body: zeros + max) } == .malformedFrame)
    let search: [UInt8] = [0, 0] + zeros + [1] + [0, 0, 0, 0]
    #expect(code { _ = try Reply.decode(kind: .search, status: 0, body: search + max) } == .malformedFrame)
    #expect(
      code { _ = try Reply.decode(kind: .search, status: 0, body: search + [1, 0, 0, 0] + max) } == .malformedFrame)
    #expect(code { _ = try Reply.decode(kind: .get, status: 0, body: [0, 0, 1, 0, 0, 0] + max) } == .malformedFrame)
    #expect(code { _ = try Reply.decode(kind: .stats, status: 0, body: max) } == .malformedFrame)
    #expect(code { _ = try Reply.decode(kind: .list, status: 3001, body: max) } == .malformedFrame)
  }

  @Test("versions without a common one are told both ranges")
  func versions() throws {
    #expect(try HelloRequest(leastVersion: 1, greatestVersion: 9, clientName: "t").chosenVersion() == 1)
    #expect(
      code { _ = try HelloRequest(leastVersion: 2, greatestVersion: 9, clientName: "t").chosenVersion() }
        == .unsupportedVersion)
    #expect(
      code { _ = try HelloRequest(leastVersion: 0, greatestVersion: 0, clientName: "t").chosenVersion() }
        == .unsupportedVersion)
  }
}
