import Testing
import VecCore
import VecProtocol

@Suite("Messages about named sets of excluded ids")
struct ExclusionMessageTests {
  private static func exclude(_ change: (inout ExcludeRequest) -> Void) -> Request {
    var request = ExcludeRequest(collection: "c", set: "u", ids: [1, 2])
    change(&request)
    return .exclude(request)
  }

  private static func of(_ collection: String, _ set: String) -> NamedSetRequest {
    NamedSetRequest(collection: collection, set: set)
  }

  private static func search(_ names: [String]) -> Request {
    .search(SearchRequest(collection: "c", k: 10, dimension: 2, vectors: [1, 2, 3, 4], excludeSets: names))
  }

  static let outOfRange: [(String, Request, VecErrorCode)] = [
    ("nothing", exclude { $0.ids = [] }, .invalidArgument),
    ("too many", exclude { $0.ids = .init(repeating: 1, count: Limits.excludeIdsMax + 1) }, .limitExceeded),
    ("collection", exclude { $0.collection = "../x" }, .invalidArgument),
    ("set", exclude { $0.set = "a b" }, .invalidArgument),
    ("set without name", exclude { $0.set = "" }, .invalidArgument),
    ("set with long name", exclude { $0.set = String(repeating: "a", count: 65) }, .invalidArgument),
    ("forget", .forgetExclusions(of("c", "")), .invalidArgument),
    ("forget of", .forgetExclusions(of("C", "u")), .invalidArgument),
    ("list", .exclusions(of("c", "-u")), .invalidArgument),
    ("list of", .exclusions(of("", "u")), .invalidArgument),
    ("search", search(["u", "é"]), .invalidArgument),
  ]

  @Test("a value out of range is refused by the daemon's decoder and the client's check", arguments: outOfRange.indices)
  func limits(index: Int) {
    let (what, request, expected) = Self.outOfRange[index]
    #expect(code { _ = try Request.decode(kind: request.kind, body: body(request)) } == expected, "\(what)")
    #expect(code { try request.check() } == expected, "\(what)")
  }

  @Test("values at their very limits are taken, and no life at all is for ever")
  func limitsInclusive() throws {
    let requests = [
      Self.exclude { $0.ids = .init(repeating: 1, count: Limits.excludeIdsMax) }, Self.exclude { $0.lifetimeSeconds = 1 },
      Self.exclude { $0.lifetimeSeconds = .max }, Self.exclude { $0.set = String(repeating: "a", count: 64) },
      Self.search([""]), Self.search(["u", ""]), Self.search(["u"]),
    ]
    for request in requests { #expect(try Request.decode(kind: request.kind, body: body(request)) == request) }
    #expect(code { try Self.exclude { $0.lifetimeSeconds = 0 }.check() } == .invalidArgument)
    #expect(code { try Self.search(["a", "b", "c"]).check() } == .invalidArgument)
  }

  @Test("a count above the limit is refused by its number; bytes that are missing or left over are malformed")
  func counts() {
    let max: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
    let head: [UInt8] = [1, 0, 0x63, 1, 0, 0x75, 0, 0, 0, 0]
    #expect(code { _ = try Request.decode(kind: .exclude, body: head + max) } == .limitExceeded)
    #expect(code { _ = try Request.decode(kind: .exclude, body: head + [2, 0, 0, 0, 1]) } == .malformedFrame)
    let whole = body(Self.exclude { _ in })
    for cut in 0..<whole.count {
      #expect(code { _ = try Request.decode(kind: .exclude, body: Array(whole[..<cut])) } == .malformedFrame)
    }
    #expect(code { _ = try Request.decode(kind: .exclude, body: whole + [0]) } == .malformedFrame)
    #expect(code { _ = try Reply.decode(kind: .exclusions, status: 0, body: max) } == .malformedFrame)
    let twice = Reply.exclusions(Exclusions(ids: [7, 7], ends: [nil, nil]))
    var writer = ByteWriter()
    twice.encode(into: &writer)
    #expect(code { _ = try Reply.decode(kind: .exclusions, status: 0, body: writer.bytes) } == .malformedFrame)
    #expect(code { _ = try Reply.decode(kind: .forgetExclusions, status: 0, body: [2]) } == .malformedFrame)
  }

  @Test("names of sets in a search are one for all queries or one for each, behind tag 6")
  func names() throws {
    let plain = body(Self.search([]))
    func decode(_ content: [UInt8], length: UInt8? = nil) throws -> Request {
      try Request.decode(kind: .search, body: plain + [6, 0, length ?? UInt8(content.count), 0, 0, 0] + content)
    }
    #expect(try decode([1, 0, 0, 0, 1, 0, 0x75]) == Self.search(["u"]))
    #expect(body(Self.search(["u"])) == plain + [6, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x75])
    #expect(try decode([2, 0, 0, 0, 0, 0, 1, 0, 0x75]) == Self.search(["", "u"]))
    for content: [UInt8] in [[0, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [1, 0, 0, 0, 9, 0, 1], []] {
      #expect(code { _ = try decode(content) } == .malformedFrame)
    }
    #expect(code { _ = try decode([1, 0, 0, 0, 1, 0, 0x75], length: 6) } == .malformedFrame)
  }

  @Test("an append and a look may be sent again, a forget may not")
  func kinds() {
    #expect(Self.exclude { _ in }.isIdempotent && Request.exclusions(Self.of("c", "u")).isIdempotent)
    #expect(!Request.forgetExclusions(Self.of("c", "u")).isIdempotent)
  }
}
