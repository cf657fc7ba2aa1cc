import ArgumentParser
import VecCore

/// How good an answer has to be: at most one of four options.
struct EffortOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Share of the true top k to reach, above 0 up to 1.", valueName: "share"))
  var recall: Float?

  @Option(help: ArgumentHelp("Length of the candidate list of a graph traversal.", valueName: "n"))
  var ef: UInt32?

  @Option(help: ArgumentHelp("Inverted lists to scan.", valueName: "n"))
  var nprobe: UInt32?

  @Flag(help: "The true top k.")
  var exact = false

  @Option(help: ArgumentHelp("Index to use: flat, ivf or hnsw. Default: vecd chooses.", valueName: "type"))
  var index: String?

  func effort() throws(VecError) -> SearchEffort {
    let chosen = [recall != nil, ef != nil, nprobe != nil, exact].filter { $0 }.count
    guard chosen <= 1 else {
      throw VecError(.invalidArgument, "--recall, --ef, --nprobe and --exact exclude each other; give one")
    }
    if let recall {
      guard recall > 0, recall <= 1 else {
        throw VecError(.invalidArgument, "--recall is \(recall), must be above 0 and at most 1")
      }
      return .recall(recall)
    }
    if let ef { return .ef(try Self.positive("--ef", ef)) }
    if let nprobe { return .nprobe(try Self.positive("--nprobe", nprobe)) }
    return exact ? .exact : .standard
  }

  func indexType() throws(VecError) -> IndexType? {
    guard let index else { return nil }
    guard let type = IndexType(name: index) else {
      throw VecError(.invalidArgument, "--index is \(Names.quoted(index)), must be flat, ivf or hnsw")
    }
    return type
  }

  /// Results per query within the limits.
  static func checkK(_ k: Int) throws(VecError) { try Limits.check(k, 1...Limits.kMax, "-k") }

  private static func positive(_ name: String, _ value: UInt32) throws(VecError) -> UInt32 {
    guard value > 0 else { throw VecError(.invalidArgument, "\(name) is 0, must be 1 or more") }
    return value
  }
}
