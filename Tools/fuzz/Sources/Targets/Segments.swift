import VecCore
import VecIndex
import VecKernels
import VecStorage

extension FuzzTarget {
  /// A segment file as it is: nearly every mutation is for the checksums to find.
  static let segment = FuzzTarget(name: "segment", lengthMax: 1280) { golden in
    try goldenSegments(golden)
  } run: { input in
    SegmentProbe.run(input)
  }

  /// A segment file with all its checksums repaired after the mutation: what is behind them has to fend for itself.
  static let sealed = FuzzTarget(name: "sealed", lengthMax: 1280) { golden in
    try goldenSegments(golden)
  } run: { input in
    SegmentImage(sealing: Array(input)).bytes.withUnsafeBytes { SegmentProbe.run($0) }
  }

  /// A file written around sections that come from the input, so that even their lengths are right.
  static let built = FuzzTarget(name: "built", lengthMax: 2048) { _ in
    try BuiltSegment.seeds()
  } run: { input in
    BuiltSegment.bytes(input).withUnsafeBytes { SegmentProbe.run($0) }
  }

  /// What `vecctl inspect` shows of a file with repaired checksums.
  static let inspect = FuzzTarget(name: "inspect", lengthMax: 1280) { golden in
    try goldenSegments(golden)
  } run: { input in
    SegmentImage(sealing: Array(input)).bytes.withUnsafeBytes { SegmentProbe.describe($0) }
  }

  private static func goldenSegments(_ golden: Golden) throws -> [[UInt8]] {
    let files = try ["segment/v1", "segment/v2", "store/v1/store/segments"].flatMap {
      try golden.files($0, endingIn: ".vseg")
    }
    return files.filter { $0.count <= 1280 }
  }
}

/// All that vecd does with a segment file it did not write itself.
enum SegmentProbe {
  private static let file = MemoryFile()
  private static let refusals: Set<VecErrorCode> = [.segmentDamaged, .unsupportedFormat]

  static func describe(_ bytes: UnsafeRawBufferPointer) {
    file.put(bytes)
    let text = accepted(refusals) { () throws(VecError) in try SegmentInspection.describe(path: file.path) }
    demand(text?.hasPrefix("header\n") ?? true, "a description that does not begin with the header")
  }

  static func run(_ bytes: UnsafeRawBufferPointer) {
    file.put(bytes)
    let findings = SegmentInspection.findings(path: file.path).findings
    demand(findings.allSatisfy { !$0.message.contains("\n") }, "a finding of several lines")
    let opened = accepted(refusals) { () throws(VecError) in
      try MappedSegment.open(path: file.path, expecting: nil)
    }
    guard let segment = opened else { return demand(!findings.isEmpty, "a file that cannot be opened has no findings") }
    let isSound = accepted(refusals, { () throws(VecError) in try segment.verify() }) != nil
    demand(isSound == findings.isEmpty, "verify and its findings differ")
    let decoded = accepted(refusals) { () throws(VecError) in try segment.decodeIDs() }
    // Nobody reads further in a file that does not pass.
    guard isSound else { return }
    guard let ids = decoded else { return demand(false, "a sound file without ids") }
    for (row, id) in ids.enumerated().prefix(16) {
      demand(segment.row(of: id, ids: ids) == row, "id \(id) of row \(row) is not found there")
    }
    guard let indexes = accepted(refusals, { () throws(VecError) in try indexes(segment) }) else { return }
    search(segment, ids, indexes)
  }

  private static func indexes(_ file: MappedSegment) throws(VecError) -> IndexSet {
    let header = file.header
    return IndexSet(
      lists: try file.indexSection(.lists).map { (bytes) throws(VecError) in
        try IVFLists(decoding: bytes, rowCount: header.rowCount, dimension: header.dimension, metric: header.metric)
      },
      graph: try file.indexSection(.graph).map { (bytes) throws(VecError) in
        try HNSWGraph(decoding: bytes, rowCount: header.rowCount)
      },
      calibration: try file.indexSection(.calibration).map { (bytes) throws(VecError) in
        try Calibration(decoding: bytes)
      })
  }

  private static func search(_ segment: MappedSegment, _ ids: [UInt64], _ indexes: IndexSet) {
    let header = segment.header
    guard header.rowCount <= 512, header.dimension <= 64, let base = segment.vectors.baseAddress else { return }
    ids.withUnsafeBufferPointer { ids in
      guard let ids = ids.baseAddress else { return }
      func plane(_ codes: CodePlane?) -> VectorPlane {
        VectorPlane(
          base: base, rowCount: header.rowCount, dimension: header.dimension, elementType: header.elementType, ids: ids,
          inverseNorms: segment.inverseNorms?.baseAddress, greatestNorm: header.greatestNorm, codes: codes)
      }
      guard let coded = try? CodedRows(plane(nil), metric: header.metric) else { return }
      let areNormsTrue = Norms.areTrue(segment)
      var exact: [[Hit]] = []
      for codes in [nil, coded.plane] {
        let searched = SearchedSegment(indexes: indexes, plane: plane(codes))
        for effort in [SearchEffort.standard, .ef(6), .nprobe(2)] {
          SampleRows.search(searched, header.metric, effort, interests: 1, areNormsTrue: areNormsTrue)
        }
        exact.append(SampleRows.search(searched, header.metric, .exact, interests: 1, areNormsTrue: areNormsTrue))
      }
      demand(!areNormsTrue || exact[0] == exact[1], "an exact answer that depends on codes")
    }
  }
}

/// The norms that a segment says its rows have. `verify` does not compare them: their checksums vouch for them.
enum Norms {
  static func areTrue(_ segment: MappedSegment) -> Bool {
    let header = segment.header
    let norms = of(segment.vectors, header.elementType, header.dimension)
    guard norms.allSatisfy({ $0 <= Double(header.greatestNorm) && $0 >= Double(header.leastNorm) }) else { return false }
    guard let stored = segment.inverseNorms else { return true }
    return zip(norms, stored).allSatisfy { RowInspection.inverse($0) == $1 }
  }

  static func of(_ elements: UnsafeRawBufferPointer, _ type: ElementType, _ dimension: Int) -> [Double] {
    let count = elements.count / type.byteCount
    let values = [Float](unsafeUninitializedCapacity: count) { values, initialized in
      guard let from = elements.baseAddress, let to = values.baseAddress else { return }
      ElementCoding.widen(from, type: type, count: count, to: to)
      initialized = count
    }
    return values.withUnsafeBufferPointer { RowInspection(rows: $0, dimension: dimension).norms }
  }
}

/// A segment written around what an input says.
enum BuiltSegment {
  static func bytes(_ input: UnsafeRawBufferPointer) -> [UInt8] {
    var choices = Choices(input)
    let flags = choices.byte()
    let metric = UInt8(choices.byte() % 3)
    let element = UInt8(choices.byte() % 3)
    let dimension = choices.byte() % 16 + 1
    let rowCount = choices.byte() + 1
    // The ids: as they are, or as an LZ4 block that claims a raw length; then they ascend by themselves or not at all.
    let rawLength = choices.word()
    let ids = Array(choices.take(choices.word()))
    let isPacked = flags & 1 == 1
    var sections = [
      SegmentImage.Section(kind: 1, isPacked: true, stored: ids, rawLength: isPacked ? rawLength : ids.count)
    ]
    let width = element == 0 ? 4 : 2
    sections.append(section(2, &choices, of: rowCount * dimension * width))
    sections.append(
      flags & 2 == 2
        ? section(3, &choices, of: rowCount * 4)
        : SegmentImage.Section(kind: 3, isPacked: false, stored: words(0..<rowCount), rawLength: rowCount * 4))
    if metric == 1 {
      sections.append(
        flags & 4 == 4
          ? section(4, &choices, of: rowCount * 4)
          : SegmentImage.Section(
            kind: 4, isPacked: false, stored: inverses(sections[1].stored, element, dimension), rawLength: rowCount * 4))
    }
    for kind in 5...7 where flags & (1 << (kind - 2)) != 0 {
      sections.append(section(UInt32(kind), &choices, of: max(1, choices.word())))
    }
    return SegmentImage(
      dimension: dimension, metric: metric, element: element, rowCount: rowCount, version: 2, sections
    ).bytes
  }

  /// The next bytes of the input, zeros behind them up to the length.
  private static func section(_ kind: UInt32, _ choices: inout Choices, of byteCount: Int) -> SegmentImage.Section {
    let given = Array(choices.take(byteCount))
    let stored = given + [UInt8](repeating: 0, count: byteCount - given.count)
    return SegmentImage.Section(kind: kind, isPacked: false, stored: stored, rawLength: byteCount)
  }

  private static func inverses(_ elements: [UInt8], _ element: UInt8, _ dimension: Int) -> [UInt8] {
    guard let type = ElementType(rawValue: element) else { return [] }
    var out = ByteWriter()
    for norm in elements.withUnsafeBytes({ Norms.of($0, type, dimension) }) { out.write(RowInspection.inverse(norm)) }
    return out.bytes
  }

  private static func words(_ values: Range<Int>) -> [UInt8] {
    var out = ByteWriter()
    for value in values { out.write(UInt32(value)) }
    return out.bytes
  }

  static func seeds() throws -> [[UInt8]] {
    let plain = IDCodec.encode(Array(1...12))
    let head: [UInt8] = [2, 8, 12]
    func file(_ flags: UInt8, _ metric: UInt8, _ element: UInt8, _ ids: [UInt8], raw: Int, _ rest: [[UInt8]]) -> [UInt8] {
      [flags, metric, element, 7, 11, UInt8(raw & 255), UInt8(raw >> 8), UInt8(ids.count), 0] + ids + rest.joined()
    }
    let values = (0..<96).flatMap { [0, 0, 0x80, UInt8(0x3E + $0 % 2)] as [UInt8] }
    let short = (0..<96).flatMap { [UInt8($0), 0x3C] as [UInt8] }
    // One literal run that LZ4 repeats: twelve ids, each one more than the one before.
    let packed: [UInt8] = [0x12, 2, 1, 0, 0x50, 2, 2, 2, 2, 2]
    var seeds = [
      file(0, 0, 0, plain, raw: 0, [values]), file(0, 1, 1, plain, raw: 0, [short]), file(0, 2, 2, plain, raw: 0, [short]),
      file(1, 0, 2, packed, raw: 12, [short]), file(6, 1, 2, plain, raw: 0, [short, head]),
    ]
    for sample in try Samples.indexed().prefix(1) {
      let indexes = [sample.lists, sample.graph, sample.calibration].map { bytes -> [UInt8] in
        [UInt8(bytes.count & 255), UInt8(bytes.count >> 8)] + bytes
      }
      seeds.append(file(0x08, 0, 1, plain, raw: 0, [short, indexes[0]]))
      seeds.append(file(0x30, 0, 1, plain, raw: 0, [short, indexes[1], indexes[2]]))
      seeds.append(file(0x38, 0, 1, plain, raw: 0, [short] + indexes))
    }
    return seeds
  }
}
