package import VecCore

/// The graph as bytes: `Formats/graph.md`. The same graph gives the same bytes.
extension HNSWGraph {
  static let magic: UInt32 = 0x5753_4E48
  static let version: UInt16 = 1
  static let alignment = 64
  static let headerBytes = 64
  static let levelsMax = 16

  static func aligned(_ byteCount: Int) -> Int { (byteCount + alignment - 1) / alignment * alignment }

  package var encodedByteCount: Int {
    var arrays = [lists.count] + layers.map(\.count)
    arrays += [layers.count, upperRows.count, twins.representatives.count, twins.offsets.count, twins.members.count]
    return arrays.reduce(Self.headerBytes) { $0 + Self.aligned(4 * $1) }
  }

  /// Hands out the bytes piece by piece, in order.
  package func encode(_ emit: (UnsafeRawBufferPointer) throws(VecError) -> Void) throws(VecError) {
    try pass(header(), emit)
    try pass(layerCounts.map { UInt32($0) }, emit)
    try pass(upperRows.values, emit)
    for layer in layers { try pass(layer.values, emit) }
    try pass(lists.values, emit)
    try pass(twins.representatives, emit)
    try pass(twins.offsets, emit)
    try pass(twins.members, emit)
  }

  package func encoded() throws(VecError) -> [UInt8] {
    var writer = ByteWriter(reserving: encodedByteCount)
    try encode { (bytes) throws(VecError) in writer.write(bytes: bytes) }
    return writer.bytes
  }

  private func header() -> [UInt8] {
    var writer = ByteWriter(reserving: Self.headerBytes)
    writer.write(Self.magic)
    writer.write(Self.version)
    writer.write(UInt16(layers.count))
    writer.write(UInt32(rowCount))
    writer.write(UInt32(queryCount))
    writer.write(UInt32(parameters.links))
    writer.write(UInt32(parameters.efConstruction))
    writer.write(parameters.alpha)
    writer.write(parameters.queryShare)
    writer.write(parameters.normWeight)
    writer.write(UInt32(upperRows.count))
    writer.write(parameters.seed)
    writer.write(UInt32(twins.representatives.count))
    writer.write(UInt32(twins.members.count))
    writer.write(0 as UInt64)
    return writer.bytes
  }

  private func pass<T: BitwiseCopyable>(
    _ values: [T], _ emit: (UnsafeRawBufferPointer) throws(VecError) -> Void
  ) throws(VecError) {
    try values.withUnsafeBufferPointer { (buffer) throws(VecError) in try pass(buffer, emit) }
  }

  /// An array and the zero bytes behind it.
  private func pass<T: BitwiseCopyable>(
    _ values: UnsafeBufferPointer<T>, _ emit: (UnsafeRawBufferPointer) throws(VecError) -> Void
  ) throws(VecError) {
    let bytes = UnsafeRawBufferPointer(values)
    if !bytes.isEmpty { try emit(bytes) }
    let padding = [UInt8](repeating: 0, count: Self.aligned(bytes.count) - bytes.count)
    guard !padding.isEmpty else { return }
    try padding.withUnsafeBufferPointer { (zeros) throws(VecError) in try emit(UnsafeRawBufferPointer(zeros)) }
  }
}
