import ArgumentParser
import VecClient
import VecCore

struct Stats: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Show what the daemon counts of itself; keys are explained in docs/OPERATING.md.")

  @OptionGroup var global: GlobalOptions

  func execute() async throws {
    let text = try await global.withClient { client in try await client.stats() }
    answer(json: .verbatim(text), text: JSON.indented(text))
  }
}

struct Ping: Verb {
  static let configuration = CommandConfiguration(abstract: "Ask whether the daemon answers, and how fast.")

  @OptionGroup var global: GlobalOptions

  func execute() async throws {
    let clock = ContinuousClock()
    let (elapsed, version) = try await global.withClient { client in
      let start = clock.now
      try await client.ping()
      return (clock.now - start, client.daemon?.version ?? "vecd")
    }
    let nanoseconds = UInt64(max(0, elapsed / .nanoseconds(1)))
    answer(
      json: .object([("version", .string(version)), ("nanoseconds", .unsigned(nanoseconds))]),
      text: "\(version) answered in \(Readable.latency(nanoseconds: nanoseconds))")
  }
}
