import VecCore
import VecIndex
import VecKernels
import VecStorage

// Sections of a segment as a decoder gets them: behind right checksums, and still nobody vouches for them.
extension FuzzTarget {
  /// A count and the content of an ids section.
  static let ids = FuzzTarget(name: "ids", lengthMax: 256) { _ in
    let samples: [[UInt64]] = [[7, 5], Array(0..<100), [.max, 0, 1 << 63, 1], [1 << 40, (1 << 40) + 1, 3]]
    return samples.map { [UInt8($0.count), 0, 3] + IDCodec.encode($0) }
  } run: { input in
    var choices = Choices(input)
    let count = choices.word()
    let step = max(1, choices.byte())
    let content = choices.rest
    let whole = accepted([.segmentDamaged]) { () throws(VecError) in try IDCodec.decode(content, count: count) }
    let pieced = accepted([.segmentDamaged]) { () throws(VecError) in
      var decoder = IDCodec.Decoder(count: count, context: "ids")
      while !choices.rest.isEmpty { try decoder.decode(choices.take(step)) }
      try decoder.finish()
      return decoder.ids
    }
    demand(whole == pieced, "ids that depend on how they are cut")
    if let whole { demand(IDCodec.encode(whole).elementsEqual(content), "ids that are not written as they were read") }
  }

  /// A lists section.
  static let lists = FuzzTarget(name: "lists", lengthMax: 1024) { golden in
    [try golden.read("index/v1/lists.bin")] + (try Samples.indexed().map(\.lists))
  } run: { input in
    let rowCount = Int(field(input, 12, 4))
    let dimension = Int(field(input, 8, 4))
    guard let metric = Metric(rawValue: UInt8(field(input, 6, 1))) else { return }
    let decoded = accepted([.segmentDamaged]) { () throws(VecError) in
      try IVFLists(decoding: input, rowCount: rowCount, dimension: dimension, metric: metric)
    }
    guard let lists = decoded else { return }
    demand(lists.encode().elementsEqual(input), "lists that are not written as they were read")
    guard let rows = SampleRows.of(rowCount, dimension, metric) else { return }
    rows.search(IndexSet(lists: lists), .nprobe(2))
    rows.search(IndexSet(lists: lists), .nprobe(.max))
  }

  /// A graph section.
  static let graph = FuzzTarget(name: "graph", lengthMax: 2048) { _ in
    try Samples.indexed().map(\.graph)
  } run: { input in
    let rowCount = Int(field(input, 8, 4))
    let decoded = accepted([.segmentDamaged]) { () throws(VecError) in
      try HNSWGraph(decoding: input, rowCount: rowCount)
    }
    guard let graph = decoded else { return }
    let again = accepted([]) { () throws(VecError) in try graph.encoded() }
    demand(again?.elementsEqual(input) == true, "a graph that is not written as it was read")
    guard let rows = SampleRows.of(rowCount, 8, .ip) else { return }
    rows.search(IndexSet(graph: graph), .ef(8))
    rows.search(IndexSet(graph: graph), .ef(.max), interests: 2)
  }

  /// A calibration section.
  static let calibration = FuzzTarget(name: "calibration", lengthMax: 1024) { golden in
    [try golden.read("index/v1/calibration.bin")] + (try Samples.indexed().map(\.calibration))
  } run: { input in
    let decoded = accepted([.segmentDamaged, .unsupportedFormat]) { () throws(VecError) in
      try Calibration(decoding: input)
    }
    guard let calibration = decoded else { return }
    demand(calibration.encoded().elementsEqual(input), "a calibration that is not written as it was read")
    for rowCount in [1, 10_000] {
      let excludedCount = Int(input.last ?? 0)
      let part = Planner.Part(
        calibration: calibration, available: [.ivf, .hnsw], rowCount: rowCount, excludedCount: excludedCount)
      let planner = Planner(parts: [part], stride: 80, dimension: 64, costs: CostModel(.scalar))
      for effort in [SearchEffort.standard, .recall(0.01), .recall(1), .ef(1), .nprobe(.max)] {
        for k in [1, 10, 77, Limits.kMax] {
          for index in [nil, IndexType.ivf, .hnsw] {
            let plan = accepted([.invalidArgument]) { () throws(VecError) in
              try planner.plan(effort, index: index, k: k, queryCount: 1)
            }
            guard let plan else { continue }
            demand((0...1).contains(plan.expectedRecall), "a recall of \(plan.expectedRecall) is expected")
            demand(plan.index == .flat || plan.parameters.allSatisfy { $0 >= 1 }, "a parameter of 0")
          }
        }
      }
    }
  }

  /// A little-endian number of the input, 0 where it ends early.
  static func field(_ input: UnsafeRawBufferPointer, _ offset: Int, _ width: Int) -> UInt64 {
    guard input.count >= offset + width else { return 0 }
    return (0..<width).reversed().reduce(0) { $0 << 8 | UInt64(input[offset + $1]) }
  }
}
