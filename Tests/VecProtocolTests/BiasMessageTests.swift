import Testing
import VecCore
import VecProtocol

@Suite("Messages about named sets of biases")
struct BiasMessageTests {
  private static func bias(_ change: (inout BiasRequest) -> Void) -> Request {
    var request = BiasRequest(collection: "c", set: "u", ids: [1, 2], values: [0.5, -1])
    change(&request)
    return .bias(request)
  }

  private static func search(_ bias: String?) -> Request {
    .search(SearchRequest(collection: "c", k: 10, dimension: 2, vectors: [1, 2], bias: bias))
  }

  static let outOfRange: [(String, Request, VecErrorCode)] = [
    ("nothing", bias { ($0.ids, $0.values) = ([], []) }, .invalidArgument),
    ("collection", bias { $0.collection = "../x" }, .invalidArgument),
    ("set", bias { $0.set = "a b" }, .invalidArgument),
    ("not a number", bias { $0.values[1] = .nan }, .invalidArgument),
    ("infinite", bias { $0.values[0] = -.infinity }, .invalidArgument),
    ("too great", bias { $0.values[0] = Limits.biasMax.nextUp }, .invalidArgument),
    ("forget", .forgetBiases(NamedSetRequest(collection: "c", set: "")), .invalidArgument),
    ("list", .biases(NamedSetRequest(collection: "", set: "u")), .invalidArgument),
    ("search", search("a b"), .invalidArgument),
    ("search of nothing", search(""), .invalidArgument),
  ]

  @Test("a value out of range is refused by the daemon's decoder and the client's check", arguments: outOfRange.indices)
  func limits(index: Int) {
    let (what, request, expected) = Self.outOfRange[index]
    #expect(code { _ = try Request.decode(kind: request.kind, body: body(request)) } == expected, "\(what)")
    #expect(code { try request.check() } == expected, "\(what)")
  }

  @Test("too many ids, and not as many biases as ids, are refused")
  func counts() {
    let most = Limits.biasIdsMax
    let many = Self.bias { ($0.ids, $0.values) = (.init(repeating: 1, count: most + 1), .init(repeating: 1, count: most + 1)) }
    #expect(code { _ = try Request.decode(kind: .bias, body: body(many)) } == .limitExceeded)
    #expect(code { try many.check() } == .limitExceeded)
    #expect(code { try Self.bias { $0.values = [1] }.check() } == .invalidArgument)
    let head: [UInt8] = [1, 0, 0x63, 1, 0, 0x75]
    #expect(code { _ = try Request.decode(kind: .bias, body: head + [0xFF, 0xFF, 0xFF, 0xFF]) } == .limitExceeded)
  }

  @Test("values at their very limits are taken")
  func limitsInclusive() throws {
    let requests = [
      Self.bias { $0.values = [Limits.biasMax, -Limits.biasMax] }, Self.bias { $0.values = [0, .leastNonzeroMagnitude] },
      Self.search("u"), Self.search(nil),
    ]
    for request in requests { #expect(try Request.decode(kind: request.kind, body: body(request)) == request) }
  }

  @Test("bytes that are missing or left over are malformed, and so are ids that do not ascend and biases that are none")
  func malformed() {
    let whole = body(Self.bias { _ in })
    for cut in 0..<whole.count {
      #expect(code { _ = try Request.decode(kind: .bias, body: Array(whole[..<cut])) } == .malformedFrame)
    }
    #expect(code { _ = try Request.decode(kind: .bias, body: whole + [0]) } == .malformedFrame)
    #expect(code { _ = try Reply.decode(kind: .biases, status: 0, body: [0xFF, 0xFF, 0xFF, 0xFF]) } == .malformedFrame)
    for wrong in [
      Biases(ids: [7, 7], values: [1, 1]), Biases(ids: [7], values: [0]), Biases(ids: [7], values: [.nan]),
      Biases(ids: [7], values: [.infinity]),
    ] {
      var writer = ByteWriter()
      Reply.biases(wrong).encode(into: &writer)
      #expect(code { _ = try Reply.decode(kind: .biases, status: 0, body: writer.bytes) } == .malformedFrame)
    }
    #expect(code { _ = try Reply.decode(kind: .forgetBiases, status: 0, body: [2]) } == .malformedFrame)
  }

  @Test("a put and a look may be sent again, a forget may not")
  func kinds() {
    let of = NamedSetRequest(collection: "c", set: "u")
    #expect(Self.bias { _ in }.isIdempotent && Request.biases(of).isIdempotent && !Request.forgetBiases(of).isIdempotent)
  }
}
