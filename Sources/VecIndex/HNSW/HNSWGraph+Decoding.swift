package import VecCore

extension HNSWGraph {
  /// Reads a graph that nobody vouches for, into memory of its own. What comes out cannot lead a search outside of its
  /// arrays, to a row twice, or round in circles.
  ///
  /// - Parameter rowCount: of the segment that the graph must belong to.
  /// - Throws: `segment-damaged` saying what breaks the format.
  package init(decoding bytes: UnsafeRawBufferPointer, rowCount: Int) throws(VecError) {
    var reader = GraphReader(bytes)
    let header = try GraphHeader(&reader, rowCount: rowCount)
    let counts = try reader.values(header.levelCount).map { Int($0) }
    try header.checkLevels(counts, reader)
    let upperRows = try reader.array(header.upperCount)
    var layers: [HotArray<UInt32>] = []
    for count in counts { layers.append(try reader.array(count * header.parameters.links)) }
    let lists = try reader.array(rowCount * header.parameters.stride)
    let twins = TwinRows(
      representatives: try reader.values(header.twinGroups), offsets: try reader.values(header.twinGroups + 1),
      members: try reader.values(header.twinMembers))
    try reader.finish()

    let check = GraphCheck(rowCount: rowCount, reader: reader)
    let isNode = try check.nodes(twins)
    try check.upperRows(upperRows, isNode)
    for (number, layer) in layers.enumerated() {
      try check.lists(layer, stride: header.parameters.links, "level \(number + 1)") { $0 < counts[number] }
    }
    try check.lists(lists, stride: header.parameters.stride, "level 0") { isNode[$0] }
    for row in 0..<rowCount where !isNode[row] && lists.base[row * header.parameters.stride] != Adjacency.none {
      throw reader.failure("row \(row) is the twin of another one and has neighbours of its own")
    }
    self.init(
      parameters: header.parameters, queryCount: header.queryCount, lists: lists, upperRows: upperRows, layers: layers,
      twins: twins)
  }
}

/// The fixed fields.
private struct GraphHeader {
  let levelCount: Int
  let queryCount: Int
  let upperCount: Int
  let twinGroups: Int
  let twinMembers: Int
  let parameters: HNSWParameters
  private let rowCount: Int

  init(_ reader: inout GraphReader, rowCount: Int) throws(VecError) {
    guard try reader.bytes.read(UInt32.self) == HNSWGraph.magic else { throw reader.failure("no graph starts here") }
    let version = try reader.bytes.read(UInt16.self)
    guard version == HNSWGraph.version else { throw reader.failure("graph version \(version) is not known") }
    levelCount = Int(try reader.bytes.read(UInt16.self))
    let rows = try reader.bytes.read(UInt32.self)
    queryCount = Int(try reader.bytes.read(UInt32.self))
    var parameters = HNSWParameters()
    parameters.links = Int(try reader.bytes.read(UInt32.self))
    parameters.efConstruction = Int(try reader.bytes.read(UInt32.self))
    parameters.alpha = try reader.bytes.readFloat()
    parameters.queryShare = try reader.bytes.readFloat()
    parameters.normWeight = try reader.bytes.readFloat()
    upperCount = Int(try reader.bytes.read(UInt32.self))
    parameters.seed = try reader.bytes.read(UInt64.self)
    twinGroups = Int(try reader.bytes.read(UInt32.self))
    twinMembers = Int(try reader.bytes.read(UInt32.self))
    let reserved = try reader.bytes.read(UInt64.self)
    self.parameters = parameters
    self.rowCount = rowCount

    do { try parameters.check() } catch { throw reader.failure(error.message) }
    guard rowCount < TraversalPool.nodesMax, rows == rowCount else {
      throw reader.failure("a graph over \(rows) rows for a segment of \(rowCount)")
    }
    guard reserved == 0 else { throw reader.failure("a reserved field is not zero") }
    guard levelCount <= HNSWGraph.levelsMax, (levelCount == 0) == (rowCount == 0) else {
      throw reader.failure("\(levelCount) levels over \(rowCount) rows")
    }
    guard upperCount <= rowCount, twinGroups <= rowCount, twinMembers <= rowCount, twinGroups <= twinMembers else {
      throw reader.failure("\(upperCount) upper nodes and \(twinMembers) twins in \(twinGroups) groups are too many")
    }
  }

  func checkLevels(_ counts: [Int], _ reader: GraphReader) throws(VecError) {
    guard (counts.first ?? 0) == upperCount, counts.allSatisfy({ $0 >= 1 }),
      zip(counts, counts.dropFirst()).allSatisfy({ $0 > $1 })
    else { throw reader.failure("levels of \(counts) nodes, must fall from \(upperCount)") }
  }
}

/// Arrays that start at multiples of 64 bytes, with zeros between them.
struct GraphReader {
  var bytes: ByteReader

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = ByteReader(bytes, code: .segmentDamaged, context: "section graph")
  }

  func failure(_ what: String) -> VecError { bytes.failure(what) }
  func finish() throws(VecError) { try bytes.finish() }

  mutating func values(_ count: Int) throws(VecError) -> [UInt32] {
    let values = try bytes.readArray(UInt32.self, count: count)
    try skipPadding()
    return values
  }

  /// The same into memory for searches. The length is checked before anything is allocated.
  mutating func array(_ count: Int) throws(VecError) -> HotArray<UInt32> {
    let source = try bytes.readBytes(4 * count)
    let array = HotArray<UInt32>(count, repeating: 0)
    UnsafeMutableRawBufferPointer(start: array.base, count: 4 * count).copyMemory(from: source)
    try skipPadding()
    return array
  }

  private mutating func skipPadding() throws(VecError) {
    let padding = try bytes.readBytes(HNSWGraph.aligned(bytes.offset) - bytes.offset)
    guard padding.allSatisfy({ $0 == 0 }) else { throw failure("padding is not zero") }
  }
}
