package import VecKernels

extension CompiledFilter {
  /// For which rows the filter is true.
  ///
  /// Work is done by runs of 4096 rows, so that what a condition writes and the next one reads stays in the first cache;
  /// `and` and `or` leave a run's rest out when it is settled. Keywords are looked up once per call. Where the order of values
  /// has all that can pass in few rows, only those are looked at.
  ///
  /// - Parameters:
  ///   - order: of the same rows, if they have one.
  ///   - words: room for a bit per row, those past the last row 0 when this returns.
  /// - Returns: how many are set.
  package func rows(
    of columns: AttributeColumns, _ order: ValueOrder? = nil, _ kernels: Kernels = Kernels(),
    into words: UnsafeMutableBufferPointer<UInt64>
  ) -> Int {
    let wordCount = Bitmap.wordCount(columns.rowCount)
    precondition(words.count >= wordCount, "a word for each 64 rows")
    guard let base = words.baseAddress else { return 0 }
    let filter = BoundFilter(root, columns, order, kernels)
    if let slices = filter.candidates() {
      base.update(repeating: 0, count: wordCount)
      return filter.choose(from: slices, into: base)
    }
    return filter.scan(into: base)
  }

  /// The same as a bitmap.
  package func rows(
    of columns: AttributeColumns, _ order: ValueOrder? = nil, _ kernels: Kernels = Kernels()
  ) -> (bitmap: Bitmap, count: Int) {
    var count = 0
    let words = [UInt64](unsafeUninitializedCapacity: Bitmap.wordCount(columns.rowCount)) { words, initialized in
      initialized = Bitmap.wordCount(columns.rowCount)
      count = rows(of: columns, order, kernels, into: words)
    }
    return (Bitmap(words: words, rowCount: columns.rowCount), count)
  }
}

/// A filter bound to the columns of some rows: names and keywords are gone, what is left compares numbers.
struct BoundFilter {
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
    let order: ValueOrder.Column?
  }

  private let root: Node
  private let rowCount: Int
  private let kernels: Kernels
  /// Levels of the tree: each needs a run of its own to write into.
  private let depth: Int

  init(_ node: CompiledFilter.Node, _ columns: AttributeColumns, _ order: ValueOrder?, _ kernels: Kernels) {
    self.kernels = kernels
    rowCount = columns.rowCount
    root = Self.bind(node, columns, order)
    depth = Self.depth(of: root)
  }

  private static func bind(_ node: CompiledFilter.Node, _ columns: AttributeColumns, _ order: ValueOrder?) -> Node {
    switch node {
    case .and(let parts): return .and(parts.map { bind($0, columns, order) })
    case .or(let parts): return .or(parts.map { bind($0, columns, order) })
    case .not(let part): return .not(bind(part, columns, order))
    case .condition(let condition):
      guard let column = columns.column(condition.position) else { return .never }
      let test = LeafTest(condition.test, column.values)
      return .leaf(
        Leaf(
          presence: column.presence, isNegated: condition.isNegated, test: test, order: order?.column(condition.position)))
    }
  }

  private static func depth(of node: Node) -> Int {
    switch node {
    case .and(let parts), .or(let parts): 1 + (parts.map(depth).max() ?? 0)
    case .not(let part): 1 + depth(of: part)
    case .never, .leaf: 1
    }
  }

  // MARK: All rows

  /// Writes a bit for every row, and returns how many are set.
  func scan(into words: UnsafeMutablePointer<UInt64>) -> Int {
    var count = 0
    withScratch { scratch in
      for first in stride(from: 0, to: rowCount, by: RowRun.rowsMax) {
        let run = RowRun(first..<min(first + RowRun.rowsMax, rowCount))
        let out = words + first >> 6
        evaluate(root, run, into: out, scratch)
        for word in 0..<run.wordCount where out[word] != 0 { count += out[word].nonzeroBitCount }
      }
    }
    return count
  }

  // MARK: Few rows

  /// One row in so many may be looked at one by one: that costs less than a scan, which takes up to some 30 of them at once.
  private static let candidateShare = 64

  /// Slices of rows among which all that pass are, if the order of values has such and they are few.
  func candidates() -> [ValueOrder.Rows]? { candidates(of: root) }

  private func candidates(of node: Node) -> [ValueOrder.Rows]? {
    let limit = rowCount / Self.candidateShare
    switch node {
    case .never: return []
    case .not: return nil
    case .leaf(let leaf): return leaf.isNegated ? nil : leaf.order?.rows(passing: leaf.test, limit: limit)
    case .and(let parts): return parts.compactMap { candidates(of: $0) }.min { Self.count($0) < Self.count($1) }
    case .or(let parts):
      var all: [ValueOrder.Rows] = []
      for part in parts {
        guard let own = candidates(of: part), Self.count(all) + Self.count(own) <= limit else { return nil }
        all += own
      }
      return all
    }
  }

  private static func count(_ slices: [ValueOrder.Rows]) -> Int { slices.reduce(0) { $0 + $1.count } }

  /// Sets the bits of the candidates that pass, and returns how many.
  ///
  /// - Parameter words: all 0.
  func choose(from slices: [ValueOrder.Rows], into words: UnsafeMutablePointer<UInt64>) -> Int {
    var count = 0
    withScratch { scratch in
      let out = scratch + (depth - 1) * RowRun.wordsMax
      for slice in slices {
        guard let base = slice.baseAddress else { continue }
        for start in stride(from: 0, to: slice.count, by: RowRun.rowsMax) {
          let run = RowRun(listed: base + start, count: min(slice.count - start, RowRun.rowsMax))
          evaluate(root, run, into: out, scratch)
          for place in 0..<run.count where out[place >> 6] &>> UInt64(place & 63) & 1 == 1 {
            let row = Int(base[start + place])
            let bit = 1 &<< UInt64(row & 63) as UInt64
            // Two slices can have the same row.
            count += words[row >> 6] & bit == 0 ? 1 : 0
            words[row >> 6] |= bit
          }
        }
      }
    }
    return count
  }

  // MARK: Runs

  private func withScratch(_ body: (UnsafeMutablePointer<UInt64>) -> Void) {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: depth * RowRun.wordsMax) { scratch in
      if let base = scratch.baseAddress { body(base) }
    }
  }

  /// Writes the words of a run.
  ///
  /// - Parameter scratch: as many runs of words as the node has levels below it.
  private func evaluate(
    _ node: Node, _ run: RowRun, into out: UnsafeMutablePointer<UInt64>, _ scratch: UnsafeMutablePointer<UInt64>
  ) {
    switch node {
    case .never: out.update(repeating: 0, count: run.wordCount)
    case .leaf(let leaf): evaluate(leaf, run, into: out)
    case .not(let part):
      evaluate(part, run, into: out, scratch)
      for word in 0..<run.wordCount { out[word] = ~out[word] & run.bits(word) }
    case .and(let parts):
      evaluate(parts[0], run, into: out, scratch)
      for part in parts.dropFirst() where (0..<run.wordCount).contains(where: { out[$0] != 0 }) {
        evaluate(part, run, into: scratch, scratch + RowRun.wordsMax)
        for word in 0..<run.wordCount { out[word] &= scratch[word] }
      }
    case .or(let parts):
      evaluate(parts[0], run, into: out, scratch)
      for part in parts.dropFirst() where (0..<run.wordCount).contains(where: { out[$0] != run.bits($0) }) {
        evaluate(part, run, into: scratch, scratch + RowRun.wordsMax)
        for word in 0..<run.wordCount { out[word] |= scratch[word] }
      }
    }
  }

  private func evaluate(_ leaf: Leaf, _ run: RowRun, into out: UnsafeMutablePointer<UInt64>) {
    leaf.test.evaluate(run, kernels, into: out)
    if leaf.isNegated { for word in 0..<run.wordCount { out[word] = ~out[word] } }
    guard let presence = leaf.presence else {
      // All words but the last one are of rows from end to end.
      out[run.wordCount - 1] &= run.bits(run.wordCount - 1)
      return
    }
    run.keep(presence, in: out)
  }
}
