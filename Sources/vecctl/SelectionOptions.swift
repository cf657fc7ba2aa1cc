import ArgumentParser
import VecCore

/// How the results of a search are chosen from its candidates.
struct SelectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("At most n results with the same value of an attribute, e.g. brand:2.", valueName: "attribute:n"))
  var groupBy: String?
  @Option(
    help: ArgumentHelp(
      "How many results an interest wins at least and at most; once for each interest, in their order.",
      valueName: "least:most"))
  var quota: [String] = []
  @Option(
    help: ArgumentHelp("Maximal marginal relevance: 1 is by score alone, 0 by difference alone.", valueName: "lambda"))
  var diversity: Float?
  @Option(help: ArgumentHelp("Candidates of --diversity, k to 16384. Default: 4 k.", valueName: "n")) var pool: Int?
  @Option(help: ArgumentHelp("A weight for each interest, with commas between them; metric ip.", valueName: "weights"))
  var weights: String?

  @Option(
    help: ArgumentHelp(
      "Score by all interests together, t log sum exp(score / t), at this temperature. Default: the best one.",
      valueName: "t"))
  var logSumExp: Float?

  func selection() throws(VecError) -> SearchSelection {
    guard pool == nil || diversity != nil else {
      throw VecError(.invalidArgument, "--pool goes with --diversity; give both, or leave it out")
    }
    var selection = SearchSelection(diversity: diversity.map { .init(lambda: $0, pool: pool) })
    if let groupBy {
      let (name, most) = try Self.pair(groupBy, "--group-by", "brand:2")
      guard let count = Int(most) else { throw Self.malformed(groupBy, "--group-by", "brand:2") }
      selection.group = .init(attribute: name, most: count)
    }
    for text in quota {
      let (least, most) = try Self.pair(text, "--quota", "10:50")
      guard let least = Int(least), let most = Int(most) else { throw Self.malformed(text, "--quota", "10:50") }
      selection.quotas.append(.init(least: least, most: most))
    }
    return selection
  }

  func weightValues() throws(VecError) -> [Float] {
    guard let weights else { return [] }
    return try weights.split(separator: ",", omittingEmptySubsequences: false).map { (part) throws(VecError) in
      guard let value = Float(part.filter { $0 != " " }) else { throw Self.malformed(weights, "--weights", "1,0.5") }
      return value
    }
  }

  private static func pair(_ text: String, _ option: String, _ right: String) throws(VecError) -> (String, String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else { throw malformed(text, option, right) }
    return (parts[0], parts[1])
  }

  private static func malformed(_ text: String, _ option: String, _ right: String) -> VecError {
    VecError(.invalidArgument, "\(option) is \(Names.quoted(text)); write \(right)")
  }
}
