package import VecKernels

extension CompiledFilter {
  /// For which rows the filter is true.
  ///
  /// Work is done by runs of 4096 rows, so that what a condition writes and the next one reads stays in the first cache;
  /// `and` and `or` leave a run's rest out when it is settled. Keywords are looked up once per call.
  ///
  /// - Parameter words: room for a bit per row, those past the last row 0 when this returns.
  /// - Returns: how many are set.
  package func rows(
    of columns: AttributeColumns, _ kernels: Kernels = Kernels(), into words: UnsafeMutableBufferPointer<UInt64>
  ) -> Int {
    let wordCount = Bitmap.wordCount(columns.rowCount)
    precondition(words.count >= wordCount, "a word for each 64 rows")
    let scan = BoundFilter(root, columns, kernels)
    var count = 0
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: scan.depth * BoundFilter.runWords) { scratch in
      guard let base = words.baseAddress, let scratch = scratch.baseAddress else { return }
      for first in stride(from: 0, to: wordCount, by: BoundFilter.runWords) {
        let run = first..<min(first + BoundFilter.runWords, wordCount)
        scan.evaluate(run, into: base + first, scratch: scratch)
        for word in run where base[word] != 0 { count += base[word].nonzeroBitCount }
      }
    }
    return count
  }

  /// The same as a bitmap.
  package func rows(of columns: AttributeColumns, _ kernels: Kernels = Kernels()) -> (bitmap: Bitmap, count: Int) {
    var count = 0
    let words = [UInt64](unsafeUninitializedCapacity: Bitmap.wordCount(columns.rowCount)) { words, initialized in
      initialized = Bitmap.wordCount(columns.rowCount)
      count = rows(of: columns, kernels, into: words)
    }
    return (Bitmap(words: words, rowCount: columns.rowCount), count)
  }
}

/// A filter bound to the columns of some rows: names and keywords are gone, what is left compares numbers.
struct BoundFilter {
  /// Words of a run: 4096 rows.
  static let runWords = 64

  private indirect enum Node {
    case and([Node])
    case or([Node])
    case not(Node)
    case never
    case leaf(Leaf)
  }

  private struct Leaf {
    let presence: Bitmap?
    let isNegated: Bool
    let test: LeafTest
  }

  private let root: Node
  private let rowCount: Int
  private let kernels: Kernels
  /// Levels of the tree: each needs a run of its own to write into.
  let depth: Int

  init(_ node: CompiledFilter.Node, _ columns: AttributeColumns, _ kernels: Kernels) {
    self.kernels = kernels
    rowCount = columns.rowCount
    root = Self.bind(node, columns)
    depth = Self.depth(of: root)
  }

  private static func bind(_ node: CompiledFilter.Node, _ columns: AttributeColumns) -> Node {
    switch node {
    case .and(let parts): return .and(parts.map { bind($0, columns) })
    case .or(let parts): return .or(parts.map { bind($0, columns) })
    case .not(let part): return .not(bind(part, columns))
    case .condition(let condition):
      guard let column = columns.column(condition.position) else { return .never }
      let test = LeafTest(condition.test, column.values)
      return .leaf(Leaf(presence: column.presence, isNegated: condition.isNegated, test: test))
    }
  }

  private static func depth(of node: Node) -> Int {
    switch node {
    case .and(let parts), .or(let parts): 1 + (parts.map(depth).max() ?? 0)
    case .not(let part): 1 + depth(of: part)
    case .never, .leaf: 1
    }
  }

  /// Writes a run of words.
  ///
  /// - Parameter scratch: `depth - 1` runs of words at least.
  func evaluate(_ run: Range<Int>, into out: UnsafeMutablePointer<UInt64>, scratch: UnsafeMutablePointer<UInt64>) {
    evaluate(root, run, into: out, scratch)
  }

  private func evaluate(
    _ node: Node, _ run: Range<Int>, into out: UnsafeMutablePointer<UInt64>, _ scratch: UnsafeMutablePointer<UInt64>
  ) {
    switch node {
    case .never: out.update(repeating: 0, count: run.count)
    case .leaf(let leaf): evaluate(leaf, run, into: out)
    case .not(let part):
      evaluate(part, run, into: out, scratch)
      for at in 0..<run.count { out[at] = ~out[at] & Bitmap.rowBits(run.lowerBound + at, rowCount: rowCount) }
    case .and(let parts):
      evaluate(parts[0], run, into: out, scratch)
      for part in parts.dropFirst() where (0..<run.count).contains(where: { out[$0] != 0 }) {
        evaluate(part, run, into: scratch, scratch + Self.runWords)
        for at in 0..<run.count { out[at] &= scratch[at] }
      }
    case .or(let parts):
      evaluate(parts[0], run, into: out, scratch)
      for part in parts.dropFirst() where !isFull(out, run) {
        evaluate(part, run, into: scratch, scratch + Self.runWords)
        for at in 0..<run.count { out[at] |= scratch[at] }
      }
    }
  }

  private func isFull(_ out: UnsafeMutablePointer<UInt64>, _ run: Range<Int>) -> Bool {
    run.allSatisfy { out[$0 - run.lowerBound] == Bitmap.rowBits($0, rowCount: rowCount) }
  }

  private func evaluate(_ leaf: Leaf, _ run: Range<Int>, into out: UnsafeMutablePointer<UInt64>) {
    leaf.test.evaluate(run, rowCount: rowCount, kernels, into: out)
    let flip: UInt64 = leaf.isNegated ? .max : 0
    if let presence = leaf.presence {
      presence.words.withUnsafeBufferPointer { present in
        for at in 0..<run.count { out[at] = (out[at] ^ flip) & present[run.lowerBound + at] }
      }
    } else {
      if leaf.isNegated { for at in 0..<run.count { out[at] ^= flip } }
      // All words but the last one are of rows from end to end.
      out[run.count - 1] &= Bitmap.rowBits(run.upperBound - 1, rowCount: rowCount)
    }
  }
}
