import ArgumentParser
import VecClient
import VecCore

struct Publish: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Make a built generation the live one, at once and for all searches.",
    discussion: """
      With --expect nothing happens unless that generation is live now; --expect "" means that none is.
      With checks (--min-..., --max-..., --model) nothing happens unless all of them hold. --dry-run measures all that can be
      measured and publishes nothing. --with publishes generations of other collections in the same transaction, under the
      same checks; --expect is for the first alone.

      Examples:
        vecctl publish books tuesday
        vecctl publish books tuesday --expect monday
        vecctl publish books tuesday --dry-run
        vecctl publish books tuesday --min-share 0.9 --min-recall 0.93 --min-overlap 0.3 --queries users.npy
        vecctl publish books tuesday --with authors:tuesday --model tt-2026-11-29
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var checkOptions: CheckOptions
  @Argument(help: "Collection.") var name: String
  @Argument(help: "Label of the generation.") var label: String
  @Option(help: "Label that must be live now; empty for none.") var expect: String?
  @Option(help: ArgumentHelp("Another collection's generation to publish with it.", valueName: "name:label"))
  var with: [String] = []

  func execute() async throws {
    let expected: ExpectedLive =
      switch expect {
      case nil: .any
      case "": .nothing
      case let label?: .label(label)
      }
    let checks = try checkOptions.checks()
    let first = PublishRequest(collection: name, generation: label, expected: expected, checks: checks)
    let others = try with.map { (text) throws(VecError) in try Self.other(text, checks) }
    let receipts = try await global.withClient { client in
      guard others.isEmpty else { return try await client.publish(together: [first] + others) }
      return [try await client.publish(collection: name, generation: label, expecting: expected, checks: checks)]
    }
    let named = zip([first] + others, receipts)
    let json = named.map { $1.json(collection: $0.collection, isDryRun: checks.isDryRun) }
    answer(
      json: json.count == 1 ? json[0] : .object([("published", .array(json))]),
      text: named.map { $1.text(collection: $0.collection, isDryRun: checks.isDryRun) }.joined(separator: "\n"))
  }

  private static func other(_ text: String, _ checks: PublishChecks) throws(VecError) -> PublishRequest {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      throw VecError(.invalidArgument, "--with is \(Names.quoted(text)); write authors:tuesday")
    }
    return PublishRequest(collection: parts[0], generation: parts[1], checks: checks)
  }
}

struct Rollback: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Make the generation live again that was live before.",
    discussion: """
      Example:
        vecctl rollback books
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String

  func execute() async throws {
    let receipt = try await global.withClient { client in try await client.rollback(collection: name) }
    answer(json: receipt.json(collection: name), text: receipt.text(collection: name))
  }
}

extension PublishReceipt {
  fileprivate func json(collection: String, isDryRun: Bool = false) -> JSON {
    .object(
      [
        ("collection", .string(collection)), ("live", isDryRun ? .optional(replaced) : .string(live)),
        ("replaced", isDryRun ? .null : .optional(replaced)), ("sequence", .unsigned(sequence)),
      ] + (report.map { [("report", .verbatim($0))] } ?? []))
  }

  fileprivate func text(collection: String, isDryRun: Bool = false) -> String {
    let head =
      isDryRun
      ? "\(collection): \(live) was not published, this is a dry run; \(replaced ?? "nothing") is live"
      : "\(collection): \(live) is live\(replaced.map { $0 == live ? ", as before" : ", \($0) was" } ?? "")"
    let checks = report.flatMap(CheckReport.init(json:)).flatMap { $0.checks.isEmpty ? nil : $0.table }
    return ([head] + (checks.map { [$0] } ?? [])).joined(separator: "\n")
  }
}
