package import VecCore

// The bytes of the calibration section: Formats/calibration.md.
extension Calibration {
  static let magic: UInt32 = 0x4C41_4356  // "VCAL"
  /// Without and with margins.
  static let versions: ClosedRange<UInt16> = 1...2
  /// Limits of what a section may hold.
  static let curvesMax = 64
  static let pointsMax = 1024

  package func encoded() -> [UInt8] {
    var out = ByteWriter()
    out.write(Self.magic)
    out.write(marginCurves.isEmpty ? Self.versions.lowerBound : Self.versions.upperBound)
    out.write(UInt16(curves.count))
    out.write(targetRecall)
    out.write(UInt32(clamping: queryCount))
    out.write(UInt32(isOfSample ? 1 : 0))
    Self.write(curves, to: &out)
    guard !marginCurves.isEmpty else { return out.bytes }
    out.write(UInt32(marginCurves.count))
    Self.write(marginCurves, to: &out)
    return out.bytes
  }

  private static func write(_ curves: [Curve], to out: inout ByteWriter) {
    for curve in curves {
      out.write(UInt32(curve.index.rawValue))
      out.write(UInt32(clamping: curve.k))
      out.write(UInt32(clamping: curve.points.count))
      for point in curve.points {
        out.write(point.parameter)
        out.write(point.recall)
        out.write(point.surely)
        out.write(Float(point.work.scanned))
        out.write(Float(point.work.listed))
        out.write(Float(point.work.visited))
        out.write(Float(point.work.settled))
        if let margin = point.margin { out.write(margin) }
      }
    }
  }

  /// - Throws: `segment-damaged` for anything that a build cannot have written.
  package init(decoding bytes: UnsafeRawBufferPointer) throws(VecError) {
    var reader = ByteReader(bytes, code: .segmentDamaged, context: "section calibration")
    guard try reader.read(UInt32.self) == Self.magic else { throw reader.failure("it does not begin with VCAL") }
    let version = try reader.read(UInt16.self)
    guard Self.versions.contains(version) else {
      let known = "\(Self.versions.lowerBound) to \(Self.versions.upperBound)"
      throw VecError(.unsupportedFormat, reader.failure("version \(version), this vecd reads \(known)").message)
    }
    let curveCount = Int(try reader.read(UInt16.self))
    guard curveCount <= Self.curvesMax else { throw reader.failure("\(curveCount) curves, at most \(Self.curvesMax)") }
    targetRecall = try Self.share(&reader, "target recall")
    queryCount = Int(try reader.read(UInt32.self))
    let flags = try reader.read(UInt32.self)
    guard flags <= 1 else { throw reader.failure("flags \(flags), must be 0 or 1") }
    isOfSample = flags == 1
    curves = []
    for _ in 0..<curveCount { curves.append(try Self.curve(&reader, after: curves.last, hasMargins: false)) }
    marginCurves = []
    if version > 1 {
      let marginCount = Int(try reader.read(UInt32.self))
      guard (1...Self.curvesMax).contains(marginCount) else {
        throw reader.failure("\(marginCount) curves by margin, must be 1 to \(Self.curvesMax)")
      }
      for _ in 0..<marginCount { marginCurves.append(try Self.curve(&reader, after: marginCurves.last, hasMargins: true)) }
    }
    try reader.finish()
  }

  private static func curve(
    _ reader: inout ByteReader, after last: Curve?, hasMargins: Bool
  ) throws(VecError) -> Curve {
    let type = try reader.read(UInt32.self)
    let k = Int(try reader.read(UInt32.self))
    let count = Int(try reader.read(UInt32.self))
    guard let index = UInt8(exactly: type).flatMap(IndexType.init(rawValue:)), index != .flat else {
      throw reader.failure("a curve of index \(type), must be ivf or hnsw")
    }
    guard index == .ivf || !hasMargins else { throw reader.failure("a curve of hnsw by margin") }
    guard (1...Limits.kMax).contains(k), (1...pointsMax).contains(count) else {
      throw reader.failure("a curve of k \(k) with \(count) points")
    }
    if let last, (last.index.rawValue, last.k) >= (index.rawValue, k) { throw reader.failure("curves do not ascend") }
    var curve = Curve(index: index, k: k, points: [])
    for _ in 0..<count { curve.points.append(try point(&reader, after: curve.points.last, hasMargins)) }
    return curve
  }

  private static func point(
    _ reader: inout ByteReader, after last: Point?, _ hasMargin: Bool
  ) throws(VecError) -> Point {
    let parameter = try reader.read(UInt32.self)
    guard parameter >= 1, last.map({ $0.parameter < parameter }) ?? true else {
      throw reader.failure("parameters do not ascend from 1")
    }
    let recall = try share(&reader, "recall")
    let surely = try share(&reader, "recall less its error")
    let work = SearchWork(
      scanned: try count(&reader), listed: try count(&reader), visited: try count(&reader), settled: try count(&reader))
    guard hasMargin else { return Point(parameter: parameter, recall: recall, surely: surely, work: work) }
    let margin = try reader.readFloat()
    guard margin.isFinite, margin <= last?.margin ?? 0 else {
      throw reader.failure("a margin is \(margin): must be finite, 0 or less, and not above the one before")
    }
    return Point(parameter: parameter, recall: recall, surely: surely, work: work, margin: margin)
  }

  private static func share(_ reader: inout ByteReader, _ what: String) throws(VecError) -> Float {
    let value = try reader.readFloat()
    guard value >= 0, value <= 1 else { throw reader.failure("\(what) is \(value), must be 0 to 1") }
    return value
  }

  private static func count(_ reader: inout ByteReader) throws(VecError) -> Double {
    let value = try reader.readFloat()
    guard value >= 0, value.isFinite else { throw reader.failure("an amount of work is \(value)") }
    return Double(value)
  }
}
