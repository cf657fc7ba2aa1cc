import VecCore
import VecStorage

/// What a new segment holds besides its vectors, which are streamed.
struct SegmentContent {
  var header: SegmentHeader
  var ids: [UInt64]
  /// One per row under cosine, else empty.
  var inverseNorms: [Float]
  /// Index sections, in ascending order of kind.
  var sections: [(kind: SectionKind, bytes: [UInt8])] = []
  var items = ItemSections.none

  /// Writes all sections and publishes the file. `vectors` hands the elements of all rows, in order, to the closure it
  /// is given.
  func write(
    to directory: StoreDirectory,
    vectors: ((UnsafeRawBufferPointer) throws(VecError) -> Void) throws(VecError) -> Void
  ) throws(VecError) -> WrittenSegment {
    let writer = try SegmentWriter(directory: directory, header: header)
    try writer.writeIDs(ids)
    try writer.writeSection(.vectors, vectors)
    try writer.writeIDOrder(of: ids)
    if header.metric == .cosine { try writer.writeInverseNorms(inverseNorms) }
    for section in sections { try writer.writeSection(section.kind, section.bytes) }
    try items.write(to: writer)
    return WrittenSegment(identity: try writer.publish(), elementType: header.elementType, ids: ids)
  }
}

/// A segment file that is published but not yet known to the manifest.
struct WrittenSegment {
  var identity: SegmentIdentity
  var elementType: ElementType
  var ids: [UInt64]
}
