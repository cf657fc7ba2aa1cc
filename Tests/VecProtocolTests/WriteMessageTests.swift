import Testing
import VecCore
import VecProtocol

private func upsert(_ change: (inout UpsertRequest) -> Void) -> Request {
  var request = UpsertRequest(collection: "c", dimension: 2, ids: [1, 2], vectors: [1, 2, 3, 4])
  change(&request)
  return .upsert(request)
}

private func rows(_ count: Int, dimension: Int) -> Request {
  upsert {
    $0.dimension = dimension
    $0.ids = .init(repeating: 7, count: count)
    $0.vectors = .init(repeating: 1, count: count * dimension)
  }
}

@Suite("Messages about single writes")
struct WriteMessageTests {
  static let outOfRange: [(String, Request, VecErrorCode)] = [
    ("no rows", upsert { ($0.ids, $0.vectors) = ([], []) }, .invalidArgument),
    ("rows above", rows(Limits.upsertRowsMax + 1, dimension: 1), .limitExceeded),
    ("bytes above", rows(512, dimension: 4096), .limitExceeded),
    ("dimension 0", upsert { ($0.dimension, $0.vectors) = (0, []) }, .invalidArgument),
    ("dimension above", upsert { ($0.dimension, $0.ids, $0.vectors) = (4097, [1], .init(repeating: 1, count: 4097)) },
      .limitExceeded),
    ("upsert name", upsert { $0.collection = "../x" }, .invalidArgument),
    ("upsert label", upsert { $0.generation = "a b" }, .invalidArgument),
    ("delete nothing", .delete(DeleteRequest(collection: "c", ids: [])), .invalidArgument),
    ("delete above", .delete(DeleteRequest(collection: "c", ids: .init(repeating: 1, count: 65_537))), .limitExceeded),
    ("delete name", .delete(DeleteRequest(collection: "", ids: [1])), .invalidArgument),
    ("seal label", .seal(GenerationRequest(collection: "c", generation: "-a")), .invalidArgument),
    ("compact name", .compact(GenerationRequest(collection: "x y")), .invalidArgument),
    ("cancel name", .cancelBuild(GenerationRequest(collection: "X")), .invalidArgument),
    ("snapshot without name", .snapshot(name: ""), .invalidArgument),
    ("snapshot path", .snapshot(name: "../../etc"), .invalidArgument),
    ("snapshot long", .snapshot(name: String(repeating: "a", count: 65)), .invalidArgument),
  ]

  @Test("a value out of range is refused by the daemon's decoder and the client's check", arguments: outOfRange.indices)
  func limits(index: Int) {
    let (what, request, expected) = Self.outOfRange[index]
    #expect(code { _ = try Request.decode(kind: request.kind, body: body(request)) } == expected, "\(what)")
    #expect(code { try request.check() } == expected, "\(what)")
  }

  @Test("values at their very limits are taken")
  func limitsInclusive() throws {
    let requests = [
      rows(Limits.upsertRowsMax, dimension: 126), rows(511, dimension: 4096),
      .delete(DeleteRequest(collection: "c", ids: .init(repeating: 1, count: Limits.deleteIdsMax))),
      .snapshot(name: String(repeating: "a", count: 64)),
    ]
    for request in requests { #expect(try Request.decode(kind: request.kind, body: body(request)) == request) }
  }

  @Test("what no frame can say is refused by the client: a token of zeros, values that are no whole rows")
  func unsayable() {
    let zero = WriteToken(high: 0, low: 0)
    #expect(code { try upsert { $0.token = zero }.check() } == .invalidArgument)
    #expect(code { try Request.delete(DeleteRequest(collection: "c", token: zero, ids: [1])).check() } == .invalidArgument)
    #expect(code { try upsert { $0.vectors = [1, 2, 3] }.check() } == .invalidArgument)
  }

  @Test("a count above the limit is refused by its number, not by the bytes that are missing")
  func hugeCounts() {
    var writer = ByteWriter()
    writer.write(string: "c")
    writer.write(string: "")
    writer.write(array: [UInt8](repeating: 1, count: 16))
    let head = writer.bytes
    let max: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
    #expect(code { _ = try Request.decode(kind: .upsert, body: head + [2, 0, 0, 0] + max) } == .limitExceeded)
    #expect(code { _ = try Request.decode(kind: .upsert, body: head + max + [1, 0, 0, 0]) } == .limitExceeded)
    #expect(code { _ = try Request.decode(kind: .delete, body: head + max) } == .limitExceeded)
    #expect(code { _ = try Request.decode(kind: .delete, body: head + [2, 0, 0, 0]) } == .malformedFrame)
  }

  @Test("a write may be sent again if it has a token; long work has no default deadline")
  func kinds() {
    let token = WriteToken(high: 1, low: 2)
    #expect(upsert { $0.token = token }.isIdempotent)
    #expect(Request.delete(DeleteRequest(collection: "c", token: token, ids: [1])).isIdempotent)
    #expect(!upsert { _ in }.isIdempotent)
    #expect(!Request.delete(DeleteRequest(collection: "c", ids: [1])).isIdempotent)
    #expect(!Request.snapshot(name: "a").isIdempotent)
    #expect(Request.list.isIdempotent)
    let without = MessageKind.allCases.filter { !$0.hasDefaultDeadline }.map(\.rawValue)
    #expect(without == Array(6...13) + Array(20...22) + [31])
  }
}

@Suite("Options of a search")
struct SearchOptionTests {
  private static let search = SearchRequest(collection: "c", k: 10, dimension: 2, vectors: [1, 2])
  private static let plain = body(.search(search))

  private func option(_ tag: UInt16, _ value: [UInt8], length: UInt32? = nil) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(tag)
    writer.write(length ?? UInt32(value.count))
    return writer.bytes + value
  }

  private func decode(_ options: [UInt8]) throws -> Request {
    try Request.decode(kind: .search, body: Self.plain + options)
  }

  @Test("a search without options has the bytes that it had before there were any")
  func absent() throws {
    #expect(try decode([]) == .search(Self.search))
    #expect(Self.plain.count == 3 + 2 + 4 + 1 + 4 + 1 + 2 + 4 + 4 + 8)
  }

  @Test("the least sequence is eight bytes behind tag 1")
  func leastSequence() throws {
    var wanted = Self.search
    wanted.leastSequence = 258
    let bytes = option(1, [2, 1, 0, 0, 0, 0, 0, 0])
    #expect(try decode(bytes) == .search(wanted))
    #expect(body(.search(wanted)) == Self.plain + bytes)
  }

  @Test("a tag that this version does not know is not-available, before and behind what it knows")
  func unknown() {
    let known = option(1, .init(repeating: 0, count: 8))
    for bytes in [option(0, []), option(9_999, [1, 2, 3]), option(0, [9]) + known, known + option(65_535, [])] {
      #expect(code { _ = try decode(bytes) } == .notAvailable)
    }
  }

  @Test("excluded ids are the first and then gaps of the least width, behind tag 2; a score limit is behind tag 3")
  func excluded() throws {
    var wanted = Self.search
    (wanted.excluded, wanted.scoreLimit) = ([[1_000, 258, 259, 258]], -2)
    let bytes =
      option(2, [1, 0, 0, 0, 3, 0, 0, 0, 2, 2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0xE5, 2]) + option(3, [0, 0, 0, 0xC0])
    #expect(try decode(bytes) == .search(wanted))
    #expect(body(.search(wanted)) == Self.plain + bytes)
    #expect(wanted.excluded[0].ids == [258, 259, 1_000])
    wanted.scoreLimit = .nan
    #expect(code { try Request.search(wanted).check() } == .invalidArgument)
    wanted.scoreLimit = nil
    wanted.excluded = [[], [1]]
    #expect(code { try Request.search(wanted).check() } == .invalidArgument)
    wanted.excluded = [IDSet(0...UInt64(Limits.excludedIdsMax))]
    #expect(code { try Request.search(wanted).check() } == .limitExceeded)
  }

  @Test("excluded ids that do not ascend, gaps of a wrong width, and a wrong number of sets are malformed")
  func excludedMalformed() {
    let two: [UInt8] = [1, 0, 0, 0, 2, 0, 0, 0]
    let first: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
    for content in [
      [0, 0, 0, 0], [2, 0, 0, 0] + [UInt8](repeating: 0, count: 8), two + [1] + first + [0], two + [2] + first + [1, 0],
      two + [3] + first + [1, 0, 0], two + [1] + [UInt8](repeating: 0xFF, count: 8) + [1], two + [1] + first,
      two + [1] + first + [1, 0],
    ] {
      #expect(code { _ = try decode(option(2, content)) } == .malformedFrame, "\(content)")
    }
    #expect(code { _ = try decode(option(2, [1, 0, 0, 0, 1, 0, 4, 0])) } == .limitExceeded)
  }

  @Test("tags that descend or come twice, wrong lengths and cut options are malformed, also behind unknown ones")
  func malformed() {
    let known = option(1, .init(repeating: 0, count: 8))
    let wrong = [
      known + known, option(8, []) + known, option(9, []) + option(9, []), option(1, [1, 2, 3, 4]),
      option(2, []), option(3, [0, 0, 0]), option(3, [0, 0, 0, 0, 0]),
      option(1, .init(repeating: 0, count: 9)), option(7, [1], length: 2), option(7, [], length: .max),
      Array(known.dropLast()), [1], known + [0], option(9, []) + [1, 0],
    ]
    for bytes in wrong { #expect(code { _ = try decode(bytes) } == .malformedFrame, "\(bytes)") }
  }
}
