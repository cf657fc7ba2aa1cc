import ArgumentParser
import VecCore
import VecStorage

struct Inspect: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Show every field of a segment file, without a daemon.",
    discussion: """
      Example:
        vecctl inspect ~/.vecd/segments/000102030405060708090a0b0c0d0e0f.vseg
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Segment file.") var file: String

  func execute() async throws {
    let dump = try SegmentInspection.dump(path: file)
    answer(json: Self.json(dump), text: dump.text)
  }

  private static func json(_ dump: SegmentDump) -> JSON {
    let fields = dump.fields.map { field in
      JSON.object([
        ("part", .string(field.part)), ("name", .string(field.name)), ("offset", .count(field.offset)),
        ("length", .count(field.length)), ("value", .string(field.value)),
      ])
    }
    let sections = dump.sections.map { section in
      JSON.object([
        ("kind", .count(section.kind.rawValue)), ("name", .string(section.kind.name)),
        ("encoding", .string(section.encoding)), ("offset", .count(section.offset)),
        ("stored_bytes", .count(section.storedLength)), ("raw_bytes", .count(section.rawLength)),
        ("blocks", .count(section.blockCount)),
      ])
    }
    return .object([
      ("file", .string(dump.path)), ("sections", .array(sections)), ("fields", .array(fields)),
    ])
  }
}
