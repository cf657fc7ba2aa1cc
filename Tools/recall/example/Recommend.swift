import ArgumentParser
import VecClient

/// The online query of a recall service in Swift, on nothing but VecClient: the interests of a user go in, what to show comes
/// out, and what was shown is not shown again.
///
///     printf '0.1,0.2,0.7\n0.9,0.1,0\n' | recommend posts --socket vecd.sock --user 17 --model mind-2 -k 20
@main
struct Recommend: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Recommend items to a user whose interest vectors come on standard input, a line each.")

  @Argument(help: "Collection.") var collection: String
  @Option(help: "Path of vecd's socket.") var socket: String
  @Option(help: "Name of the user: what was shown to them is kept in the exclude set user-NAME.") var user: String
  @Option(help: "Version of the model that made the vectors.") var model: String?
  @Option(help: "Bias set: boosts, freshness.") var bias: String?
  @Option(help: "Filter, say 'lang = \"en\"'.") var filter: String?
  @Option(help: "Results that each interest has at least.") var least = 0
  @Option(name: .short, help: "Results.") var k = 20
  @Option(help: "Days for which what was shown is not shown again; 0 does not note it.") var days = 7
  @Option(help: "Milliseconds that the answer may take.") var deadline = 50

  func validate() throws {
    guard (0...36_500).contains(days) else { throw ValidationError("--days is \(days), must be 0 to 36500") }
    guard (1...86_400_000).contains(deadline) else {
      throw ValidationError("--deadline is \(deadline), must be 1 to 86400000 milliseconds")
    }
  }

  func run() async throws {
    let interests = try readInterests()
    // One connection for the whole process: it serves any number of requests at once.
    let client = try await VecClient.connect(socketPath: socket)
    defer { client.close() }
    let reply = try await search(client, interests)
    try await note(reply, client)
    show(reply)
  }

  private func search(_ client: VecClient, _ interests: [[Float]]) async throws(VecError) -> SearchReply {
    var request = SearchRequest(
      collection: collection, k: k, interests: interests.count, dimension: interests[0].count, vectors: Array(interests.joined()),
      excludeSets: ["user-\(user)"], fields: .payload, model: model, bias: bias)
    if least > 0 {
      request.selection.quotas = interests.map { _ in SearchSelection.Quota(least: least, most: k) }
    }
    if let filter { request = try request.filtered(by: filter) }
    // `model-mismatch` means that a new model went live: a service goes over to its user tower then, and asks anew. `overloaded`
    // and `deadline-exceeded` are for its fallback, a list of popular items say.
    return try await client.search(request, deadline: .milliseconds(deadline))
  }

  private func show(_ reply: SearchReply) {
    print("generation \(reply.generation), index \(reply.index.name), expected recall \(reply.expectedRecall)")
    for (rank, id) in reply.ids.enumerated() {
      let text = String(decoding: reply.records[rank].payload, as: UTF8.self)
      print("\(rank + 1)\t\(id)\tinterest \(reply.interests[rank])\t\(reply.scores[rank])\t\(text)")
    }
  }

  /// Durable before anything is shown, so a user who comes back at once sees something else.
  private func note(_ reply: SearchReply, _ client: VecClient) async throws(VecError) {
    guard days > 0, !reply.ids.isEmpty else { return }
    try await client.exclude(
      ExcludeRequest(
        collection: collection, set: "user-\(user)", lifetimeSeconds: UInt32(clamping: days * 86_400), ids: reply.ids))
  }

  private func readInterests() throws -> [[Float]] {
    var interests: [[Float]] = []
    while let line = readLine() {
      let values = line.split(separator: ",").map { Float($0.filter { $0 != " " }) }
      guard !values.isEmpty, values.allSatisfy({ $0 != nil }) else {
        throw ValidationError("line \(interests.count + 1): \(line) is no vector; write 0.1,0.2,0.7")
      }
      interests.append(values.compactMap { $0 })
    }
    guard let first = interests.first, interests.allSatisfy({ $0.count == first.count }) else {
      throw ValidationError("standard input must hold one to eight vectors of the same dimension, a line each")
    }
    return interests
  }
}
