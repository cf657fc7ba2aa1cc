internal import CVecShims
internal import Glibc
package import VecCore

/// A published segment, mapped read-only. Pointers into it are valid as long as the object lives.
///
/// Opening checks header, directory and trailer and how they fit the file's real length; `verify` checks every byte.
package final class MappedSegment: Sendable {
  package let path: String
  package let header: SegmentHeader
  package let identity: SegmentIdentity
  private let structure: SegmentStructure
  private let file: OpenFile
  // Immutable memory: mapped read-only, unmapped only in deinit.
  private nonisolated(unsafe) let mapping: UnsafeRawBufferPointer
  /// Of the mapping (`vs_guard_add`).
  private let guardNumber: Int32

  /// From now on bad pages of segments read as zeros, and `isUnreadable` says so; without this they end the process.
  package static func guardMappings() throws(VecError) {
    guard vs_guard_mappings() == 0 else { throw .system("sigaction", "SIGBUS", errno) }
  }

  /// - Parameter expecting: what the manifest says; nil accepts any sound segment.
  /// - Throws: `segment-damaged`, `unsupported-format`, `io-error`, `permission-denied`; all name the file.
  package static func open(path: String, expecting: SegmentIdentity?) throws(VecError) -> MappedSegment {
    guard try SystemCall.status(path) != nil else {
      throw VecError(.segmentDamaged, "\(path): the file is missing")
    }
    let file = try OpenFile(path, OpenFile.readOnly)
    let structure = try SegmentStructure(reading: file)
    try structure.check(expecting, path: path)
    return MappedSegment(path, file, structure, try file.map(structure.trailer.fileLength))
  }

  private init(_ path: String, _ file: OpenFile, _ structure: SegmentStructure, _ mapping: UnsafeRawBufferPointer) {
    self.path = path
    self.file = file
    self.structure = structure
    self.mapping = mapping
    guardNumber = vs_guard_add(mapping.baseAddress, mapping.count)
    header = structure.header
    identity = structure.identity
  }

  deinit {
    vs_guard_remove(guardNumber)
    munmap(UnsafeMutableRawPointer(mutating: mapping.baseAddress), mapping.count)
  }

  /// The disk did not deliver a page of the mapping: what was read from it meanwhile may be wrong.
  package var isUnreadable: Bool { vs_guard_faulted(guardNumber) != 0 }

  /// Row after row, `dimension` elements each, 64-byte aligned.
  package var vectors: UnsafeRawBufferPointer { bytes(.vectors) }

  /// Rows in ascending order of their ids.
  package var idOrder: UnsafeBufferPointer<UInt32> { bytes(.idOrder).bindMemory(to: UInt32.self) }

  /// 1 / norm per row; nil unless the metric is cosine.
  package var inverseNorms: UnsafeBufferPointer<Float>? {
    header.metric == .cosine ? bytes(.inverseNorms).bindMemory(to: Float.self) : nil
  }

  /// A section of an index, 64-byte aligned; nil when the segment has none of this kind.
  package func indexSection(_ kind: SectionKind) -> UnsafeRawBufferPointer? {
    structure[kind] == nil || !kind.isOfIndex ? nil : bytes(kind)
  }

  /// The texts that the rows are known by, 64-byte aligned; nil when the segment has none.
  package var stringIDs: UnsafeRawBufferPointer? { structure[.stringIDs] == nil ? nil : bytes(.stringIDs) }

  /// The rows by the values of their attributes, 64-byte aligned; nil when the segment has no such order.
  package var valueOrder: UnsafeRawBufferPointer? { structure[.valueOrder] == nil ? nil : bytes(.valueOrder) }

  /// Reads parts of a section that is stored in blocks; nil when the segment has none of this kind.
  package func reader(of kind: SectionKind) -> SectionReader? {
    structure[kind].map { SectionReader(file, header.uuid, $0) }
  }

  /// Reads every byte and checks what it means; throws the first finding.
  ///
  /// - Parameter progress: is told the bytes read since the last call.
  package func verify(progress: (Int) -> Void = { _ in }) throws(VecError) {
    try withoutActuallyEscaping(progress) { (progress) throws(VecError) in
      try SegmentVerification(file: file, structure: structure, progress: progress) {
        (error) throws(VecError) in throw error
      }.run()
    }
  }

  /// The id of every row. Checks the checksums of what it reads.
  package func decodeIDs() throws(VecError) -> [UInt64] {
    var decoder = IDCodec.Decoder(count: header.rowCount, context: path)
    guard let section = structure[.ids] else { throw VecError(.segmentDamaged, "\(path): no ids") }
    _ = try BlockReader(file, header.uuid).forEachBlock(
      of: section, progress: { _ in }, damage: { (error) throws(VecError) in throw error }
    ) { (_, bytes) throws(VecError) in try decoder.decode(bytes) }
    try decoder.finish()
    return decoder.ids
  }

  /// The row of an id, or nil when the segment does not hold it.
  ///
  /// - Parameter ids: what `decodeIDs` returned.
  package func row(of id: UInt64, ids: [UInt64]) -> Int? {
    var row = -1
    withUnsafePointer(to: id) { id in
      withUnsafeMutablePointer(to: &row) { row in
        find(UnsafeBufferPointer(start: id, count: 1), ids, rows: UnsafeMutableBufferPointer(start: row, count: 1))
      }
    }
    return row < 0 ? nil : row
  }

  /// The row of each of `wanted`, -1 for one that is not there: faster than one after the other.
  package func rows(of wanted: [UInt64], ids: [UInt64]) -> [Int] {
    [Int](unsafeUninitializedCapacity: wanted.count) { rows, count in
      count = wanted.count
      rows.initialize(repeating: -1)
      wanted.withUnsafeBufferPointer { find($0, ids, rows: UnsafeMutableBufferPointer(rebasing: rows[..<wanted.count])) }
    }
  }

  private func find(
    _ wanted: UnsafeBufferPointer<UInt64>, _ ids: [UInt64], rows: UnsafeMutableBufferPointer<Int>
  ) {
    ids.withUnsafeBufferPointer { ids in
      guard let finder = IDFinder(order: idOrder, ids: ids) else { return }
      finder.find(wanted, rows: rows)
    }
  }

  /// Tells the kernel how the vectors will be read. It is a hint: a kernel that does not take it changes nothing.
  package func advise(_ hint: AccessHint) {
    let section = vectors
    guard let base = section.baseAddress, let start = mapping.baseAddress else { return }
    let page = max(sysconf(Int32(_SC_PAGESIZE)), 1)
    let offset = (base - start) / page * page
    madvise(UnsafeMutableRawPointer(mutating: start + offset), base - start - offset + section.count, hint.advice)
  }

  private func bytes(_ kind: SectionKind) -> UnsafeRawBufferPointer {
    guard let section = structure[kind] else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return UnsafeRawBufferPointer(rebasing: mapping[section.offset..<section.end])
  }
}

/// What the caller means to do with a part of a mapping; it steers the kernel's read-ahead.
package enum AccessHint: Sendable {
  case random
  case sequential
  case willNeed

  var advice: Int32 {
    switch self {
    case .random: MADV_RANDOM
    case .sequential: MADV_SEQUENTIAL
    case .willNeed: MADV_WILLNEED
    }
  }
}
