package import VecCore

/// The rows of one `ingest rows` frame, owned: what a client encodes. Row after row, `dimension` values each.
package struct IngestRows: Sendable, Equatable {
  package enum Elements: Sendable, Equatable {
    case f32([Float])
    /// The bits of IEEE binary16 values.
    case f16([UInt16])
    /// The upper halves of binary32 values.
    case bf16([UInt16])

    package var type: ElementType {
      switch self {
      case .f32: .f32
      case .f16: .f16
      case .bf16: .bf16
      }
    }

    package var count: Int {
      switch self {
      case .f32(let values): values.count
      case .f16(let bits), .bf16(let bits): bits.count
      }
    }
  }

  /// The number that the reply of ingest begin gave.
  package var ingest: UInt64
  package var dimension: Int
  package var ids: [UInt64]
  package var elements: Elements
  /// One per row, or empty: then no row has attributes or a payload.
  package var records: [AttributeRecord]

  package init(
    ingest: UInt64, dimension: Int, ids: [UInt64], elements: Elements, records: [AttributeRecord] = []
  ) {
    self.ingest = ingest
    self.dimension = dimension
    self.ids = ids
    self.elements = elements
    self.records = records
  }

  /// Copies the rows out of a frame.
  package init(_ view: IngestRowsView) throws(VecError) {
    var records: [AttributeRecord] = []
    try view.forEachPart { (_, part) in records += part }
    self.records = records
    ingest = view.ingest
    dimension = view.dimension
    ids = view.copyIds()
    switch view.element {
    case .f32: elements = .f32(view.copyElements(as: Float.self))
    case .f16: elements = .f16(view.copyElements(as: UInt16.self))
    case .bf16: elements = .bf16(view.copyElements(as: UInt16.self))
    }
  }

  /// Calls `body` with a view of these rows without their records; nothing is copied.
  package func withView<R>(_ body: (IngestRowsView) throws(VecError) -> R) throws(VecError) -> R {
    try ids.withUnsafeBufferPointer { (ids) throws(VecError) in
      switch elements {
      case .f32(let values):
        try values.withUnsafeBufferPointer { (values) throws(VecError) in
          try body(view(UnsafeRawBufferPointer(ids), UnsafeRawBufferPointer(values)))
        }
      case .f16(let bits), .bf16(let bits):
        try bits.withUnsafeBufferPointer { (bits) throws(VecError) in
          try body(view(UnsafeRawBufferPointer(ids), UnsafeRawBufferPointer(bits)))
        }
      }
    }
  }

  package func encode(into writer: inout ByteWriter) {
    writer.write(ingest)
    writer.write(elements.type.rawValue)
    writer.write(UInt32(clamping: dimension))
    writer.write(UInt32(clamping: ids.count))
    writer.write(array: ids)
    switch elements {
    case .f32(let values): writer.write(array: values)
    case .f16(let bits), .bf16(let bits): writer.write(array: bits)
    }
    RecordOption.write(records, to: &writer)
  }

  var bodyByteCount: Int {
    IngestRowsView.prefixByteCount + 8 * ids.count + elements.type.byteCount * elements.count
      + records.reduce(0) { $0 + $1.byteCount }
  }

  func check() throws(VecError) {
    try RequestLimits.dimension(dimension)
    try RequestLimits.ingestRows(ids.count)
    guard elements.count == ids.count * dimension else {
      throw VecError(
        .invalidArgument,
        "ingest rows: \(ids.count) ids of dimension \(dimension) need \(ids.count * dimension) values, "
          + "\(elements.count) are given")
    }
    guard records.isEmpty || records.count == ids.count else {
      throw VecError(.invalidArgument, "ingest rows: \(ids.count) ids with \(records.count) records, give one for each or none")
    }
  }

  private func view(_ ids: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer) -> IngestRowsView {
    IngestRowsView(ingest: ingest, element: elements.type, dimension: dimension, ids: ids, elements: bytes)
  }
}

/// The rows of one `ingest rows` frame where they lie: what a daemon reads and a client writes without a copy.
///
/// Borrows the memory: it must not outlive the closure that handed the pointers out. Nothing in a frame is aligned,
/// so ids and elements are reached by `loadUnaligned` or `memcpy` only.
package struct IngestRowsView {
  package let ingest: UInt64
  package let element: ElementType
  package let dimension: Int
  /// `count` little-endian u64.
  package let ids: UnsafeRawBufferPointer
  /// `count * dimension` elements, row after row.
  package let elements: UnsafeRawBufferPointer
  /// `count` records of Formats/attributes.md, or no bytes: then no row has attributes or a payload.
  package var records = UnsafeRawBufferPointer(start: nil, count: 0)

  /// Bytes before the ids.
  static let prefixByteCount = 17

  package init(
    ingest: UInt64, element: ElementType, dimension: Int, ids: UnsafeRawBufferPointer,
    elements: UnsafeRawBufferPointer
  ) {
    self.ingest = ingest
    self.element = element
    self.dimension = dimension
    self.ids = ids
    self.elements = elements
  }

  /// Rows.
  package var count: Int { ids.count / 8 }

  /// Bytes of one row's vector.
  package var rowByteCount: Int { dimension * element.byteCount }

  /// The id of a row in `0..<count`.
  package func id(at row: Int) -> UInt64 {
    UInt64(littleEndian: ids.loadUnaligned(fromByteOffset: row * 8, as: UInt64.self))
  }

  /// The elements of a row in `0..<count`.
  package func vector(at row: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: elements[(row * rowByteCount)..<((row + 1) * rowByteCount)])
  }

  /// Some of the rows without their records, still borrowed. `range` must lie in `0..<count`.
  package func rows(_ range: Range<Int>) -> IngestRowsView {
    IngestRowsView(
      ingest: ingest, element: element, dimension: dimension,
      ids: UnsafeRawBufferPointer(rebasing: ids[(range.lowerBound * 8)..<(range.upperBound * 8)]),
      elements: UnsafeRawBufferPointer(
        rebasing: elements[(range.lowerBound * rowByteCount)..<(range.upperBound * rowByteCount)]))
  }

  package func copyIds() -> [UInt64] { Self.copy(ids, as: UInt64.self) }

  /// All elements as `T`, which must be as wide as `element`.
  package func copyElements<T: BitwiseCopyable>(as type: T.Type) -> [T] {
    precondition(MemoryLayout<T>.stride == element.byteCount, "elements are copied as what they are")
    return Self.copy(elements, as: type)
  }

  /// Reads the body of an `ingest rows` request in place.
  ///
  /// - Throws: as `Request.decode`. Values of elements are not looked at.
  package static func decode(_ body: UnsafeRawBufferPointer) throws(VecError) -> IngestRowsView {
    var reader = ByteReader(body, code: .malformedFrame, context: "ingest rows request")
    let view = try parse(&reader)
    try reader.finish()
    return view
  }

  static func parse(_ reader: inout ByteReader) throws(VecError) -> IngestRowsView {
    let ingest: UInt64 = try reader.read()
    let element = try reader.readElement()
    let dimension = try RequestLimits.dimension(Int(try reader.read(UInt32.self)))
    let count = try RequestLimits.ingestRows(Int(try reader.read(UInt32.self)))
    // Both are within their limits now, so the products are far from overflow.
    let ids = try reader.readBytes(count * 8)
    let elements = try reader.readBytes(count * dimension * element.byteCount)
    var view = IngestRowsView(ingest: ingest, element: element, dimension: dimension, ids: ids, elements: elements)
    try WireOptions.parse(&reader, of: "ingest rows") { (tag, length, reader) throws(VecError) in
      guard tag == RecordOption.tag else { return false }
      guard length > 0 else { throw reader.failure("option \(tag) has no records") }
      view.records = try reader.readBytes(length)
      return true
    }
    return view
  }

  /// Calls `body` with the rows and their records, part after part, in order; once, without records, when the frame has none.
  /// Decoded, records take many times their bytes, and a frame may be full of them.
  ///
  /// - Parameter recordBytes: of the records of a part, about.
  /// - Throws: what `body` throws; `malformed-frame` for a record that is none, after the parts before it.
  package func forEachPart(
    recordBytes: Int = 1 << 20, _ body: (IngestRowsView, [AttributeRecord]) throws(VecError) -> Void
  ) throws(VecError) {
    guard !records.isEmpty else { return try body(self, []) }
    var reader = ByteReader(records, code: .malformedFrame, context: "records of an ingest rows request")
    var first = 0
    while first < count {
      let start = reader.offset
      var part: [AttributeRecord] = []
      while first + part.count < count, reader.offset - start < recordBytes { part.append(try AttributeRecord.read(&reader)) }
      if first + part.count == count { try reader.finish() }
      try body(rows(first..<(first + part.count)), part)
      first += part.count
    }
  }

  package func encode(into writer: inout ByteWriter) {
    writer.write(ingest)
    writer.write(element.rawValue)
    writer.write(UInt32(clamping: dimension))
    writer.write(UInt32(clamping: count))
    writer.write(bytes: ids)
    writer.write(bytes: elements)
    guard !records.isEmpty else { return }
    WireOptions.write(RecordOption.tag, to: &writer) { $0.write(bytes: records) }
  }

  /// The whole frame of these rows: the one copy that sending needs.
  package func encodeFrame(requestId: UInt64, deadlineMilliseconds: UInt32 = 0) -> [UInt8] {
    var writer = ByteWriter(
      reserving: FrameHeader.byteCount + Self.prefixByteCount + ids.count + elements.count + records.count + 6)
    let header = FrameHeader(
      bodyByteCount: 0, requestId: requestId, kind: MessageKind.ingestRows.rawValue,
      deadlineMilliseconds: deadlineMilliseconds)
    writer.writeFrame(header) { encode(into: &$0) }
    return writer.bytes
  }

  private static func copy<T: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, as type: T.Type) -> [T] {
    let count = bytes.count / MemoryLayout<T>.stride
    return [T](unsafeUninitializedCapacity: count) { buffer, initialized in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
      initialized = count
    }
  }
}
