import Glibc
import Testing
import VecCore
import VecStorage

/// Files of `Formats/golden/segment/`. They are written once, by a run with VECD_WRITE_GOLDEN=1, and never again: a
/// change of the format is a new folder, not a new file in this one.
@Suite("Golden segments")
struct GoldenTests {
  static let folder = folder(version: 1)

  static func folder(version: Int) -> String {
    let parts = #filePath.split(separator: "/").dropLast(3)
    return "/" + parts.joined(separator: "/") + "/Formats/golden/segment/v\(version)"
  }

  /// Writes a golden file that is not there yet, when asked to.
  static func keep(_ bytes: @autoclosure () throws -> [UInt8], at path: String) rethrows {
    guard !Files.exists(path), getenv("VECD_WRITE_GOLDEN").map({ String(cString: $0) }) == "1" else { return }
    Files.write(try bytes(), path)
  }

  static func bytes(_ fixture: SegmentFixture) throws -> [UInt8] {
    let path = "\(folder)/\(fixture.name).vseg"
    try keep(try fixture.fileBytes(), at: path)
    return try #require(Files.read(path), "golden file \(path) is missing; VECD_WRITE_GOLDEN=1 writes it")
  }

  @Test("the same rows give the same bytes as when the golden file was written", arguments: SegmentFixture.golden)
  func sameBytes(_ fixture: SegmentFixture) throws {
    let golden = try Self.bytes(fixture)
    // The packed bytes are LZ4's affair: another version may pack otherwise, and both are sound.
    guard SegmentWriter.packerVersion == 10_904 || fixture.name == "tiny-ip-f32" else { return }
    let written = try fixture.fileBytes()
    let difference = zip(golden, written).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    #expect(golden.count == written.count)
    #expect(difference == nil, "first difference at this offset")
  }

  @Test("a golden file is read as the rows it was written from", arguments: SegmentFixture.golden)
  func sameRows(_ fixture: SegmentFixture) throws {
    _ = try Self.bytes(fixture)
    let segment = try MappedSegment.open(path: "\(Self.folder)/\(fixture.name).vseg", expecting: nil)
    try segment.verify()
    #expect(segment.header == fixture.header)
    #expect(try segment.decodeIDs() == fixture.ids)
    #expect(segment.vectors.elementsEqual(fixture.vectors))
    #expect(segment.inverseNorms.map { Array($0) } == (fixture.header.metric == .cosine ? fixture.inverseNorms : nil))
    #expect(segment.idOrder.map { fixture.ids[Int($0)] } == fixture.ids.sorted())
  }

  @Test("the golden file of many blocks has more than one block of ids, and they are packed")
  func manyBlocksArePacked() throws {
    _ = try Self.bytes(.manyBlocks)
    let dump = try SegmentInspection.dump(path: "\(Self.folder)/\(SegmentFixture.manyBlocks.name).vseg")
    let ids = try #require(dump.sections.first { $0.kind == .ids })
    #expect(ids.blockCount == 2)
    #expect(ids.storedLength * 10 <= ids.rawLength * 9)
  }

  @Test("the worked example of the format's page is the golden file's view")
  func workedExample() throws {
    let page = String(decoding: try #require(Files.read("\(Self.folder)/../../../segment.md")), as: UTF8.self)
    let text = try SegmentInspection.describe(path: "\(Self.folder)/tiny-ip-f32.vseg")
    #expect(page.contains("```\n\(text)```"))
  }
}
