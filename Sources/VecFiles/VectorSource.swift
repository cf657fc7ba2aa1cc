package import VecCore

/// Some consecutive rows of an input file.
package struct VectorBlock: Sendable, Equatable {
  /// Row after row.
  package enum Elements: Sendable, Equatable {
    case f32([Float])
    /// Bits of IEEE binary16 values.
    case f16([UInt16])
  }

  /// The caller's keys, one per row.
  package var ids: [UInt64]
  /// The texts whose ids these are, one per row; empty when the keys are numbers.
  package var stringIDs: [String] = []
  package var elements: Elements
  /// One per row, or empty when no row has any.
  package var items: [RawItem]

  package init(ids: [UInt64], elements: Elements, items: [RawItem] = []) {
    self.ids = ids
    self.elements = elements
    self.items = items
  }

  init(_ own: IDBlock, elements: Elements, items: [RawItem] = []) {
    self.init(ids: own.ids, elements: elements, items: items)
    stringIDs = own.stringIDs
  }
}

/// What a row has besides its vector, as JSON that nobody has read yet; no bytes for nothing.
package struct RawItem: Sendable, Equatable {
  /// An object of names and values.
  package var attributes: [UInt8] = []
  /// Any value.
  package var payload: [UInt8] = []

  package init(attributes: [UInt8] = [], payload: [UInt8] = []) {
    self.attributes = attributes
    self.payload = payload
  }

  package var isEmpty: Bool { attributes.isEmpty && payload.isEmpty }
}

/// Vectors of a file or of standard input, in blocks of bounded size.
///
/// What a source hands out is well-formed but unchecked as to values: NaN and norms are the daemon's to judge.
package protocol VectorSource: AnyObject {
  /// Names the input in messages.
  var name: String { get }
  /// Values per row; nil when there is no row to tell.
  var dimension: Int? { get }
  /// Rows in all; nil when only the end of the input tells.
  var rowCount: Int? { get }
  /// The next rows, at most `Limits.ingestRowsMax`; nil after the last.
  func nextBlock() throws(VecError) -> VectorBlock?
}

/// Which reader a file needs.
package enum VectorFormat: Sendable, Equatable {
  case npy, fvecs, jsonl

  /// By the ending of the name; standard input and names without a known ending by the first bytes.
  static func of(path: String, stream: ByteStream) throws(VecError) -> VectorFormat {
    let lower = path.lowercased()
    if lower.hasSuffix(".npy") { return .npy }
    if lower.hasSuffix(".fvecs") { return .fvecs }
    if lower.hasSuffix(".jsonl") || lower.hasSuffix(".ndjson") { return .jsonl }
    if try stream.peek(NpyHeader.magic.count) == NpyHeader.magic { return .npy }
    if path == "-" { return .jsonl }
    throw stream.malformed("its format is not known; the name must end in .npy, .fvecs or .jsonl")
  }
}

/// Opens the vectors of `path` (`-` is standard input) and, for npy and fvecs, the ids of `idsPath`.
///
/// Without ids the rows are numbered from 0.
package func openVectors(path: String, idsPath: String? = nil) throws(VecError) -> any VectorSource {
  if path == "-", idsPath == "-" {
    throw VecError(.invalidArgument, "vectors and ids cannot both come from standard input; name a file for one")
  }
  let stream = try ByteStream(path: path)
  let format = try VectorFormat.of(path: path, stream: stream)
  if format == .jsonl {
    guard idsPath == nil else {
      throw VecError(.invalidArgument, "\(stream.name): JSON lines carry their ids; leave --ids out")
    }
    return try JsonlSource(stream: stream)
  }
  let ids = try idsPath.map { (path) throws(VecError) in try IDSource(path: path) }
  return format == .npy ? try NpySource(stream: stream, ids: ids) : try FvecsSource(stream: stream, ids: ids)
}
