import VecCore

/// Attributes and fields as they are written on the command line.
enum AttributeArguments {
  /// `price:float`.
  static func definition(_ text: String) throws(VecError) -> AttributeDefinition {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let types = AttributeType.allCases.map(\.name).joined(separator: ", ")
    guard parts.count == 2 else {
      throw VecError(.invalidArgument, "attribute \(Names.quoted(text)): write NAME:TYPE, with one of the types \(types)")
    }
    guard let type = AttributeType(name: parts[1]) else {
      throw VecError(
        .invalidArgument, "attribute \(Names.quoted(parts[0])): type \(Names.quoted(parts[1])) is none of \(types)")
    }
    try Names.checkAttribute(parts[0])
    return AttributeDefinition(name: parts[0], type: type)
  }

  /// `attributes,payload`.
  static func fields(_ text: String?) throws(VecError) -> ItemFields {
    var fields: ItemFields = []
    for part in text?.split(separator: ",", omittingEmptySubsequences: false) ?? [] {
      switch part.filter({ $0 != " " }) {
      case "attributes": fields.insert(.attributes)
      case "payload": fields.insert(.payload)
      default:
        throw VecError(
          .invalidArgument,
          "--fields: \(Names.quoted(String(part))) is none of attributes and payload; write attributes,payload")
      }
    }
    return fields
  }
}

/// What an item has besides its vector, for people and for programs.
struct ItemFieldsText {
  let fields: ItemFields
  let attributes: [AttributeDefinition]

  /// Members of a JSON object. A payload that is JSON stands there as such, other text as a string, other bytes as null with
  /// `payload_bytes` beside it.
  func members(_ record: AttributeRecord) -> [(String, JSON)] {
    var members: [(String, JSON)] = []
    if fields.contains(.attributes) { members.append(("attributes", .object(values(record)))) }
    guard fields.contains(.payload) else { return members }
    guard !record.payload.isEmpty else { return members + [("payload", .null)] }
    if let json = AnyJSON.text(of: record.payload) { return members + [("payload", .verbatim(json))] }
    if let text = String(validating: record.payload, as: UTF8.self) { return members + [("payload", .string(text))] }
    return members + [("payload", .null), ("payload_bytes", .count(record.payload.count))]
  }

  /// Cells of a table.
  func cells(_ record: AttributeRecord) -> [String] {
    var cells: [String] = []
    if fields.contains(.attributes) { cells.append(JSON.object(values(record)).text) }
    if fields.contains(.payload) {
      let text = String(validating: record.payload, as: UTF8.self)
      cells.append(text.map(Names.quoted) ?? Readable.count(record.payload.count, "byte", "bytes"))
    }
    return cells
  }

  var headings: [String] {
    (fields.contains(.attributes) ? ["ATTRIBUTES"] : []) + (fields.contains(.payload) ? ["PAYLOAD"] : [])
  }

  private func values(_ record: AttributeRecord) -> [(String, JSON)] {
    attributes.enumerated().compactMap { position, attribute in
      record[position].map { (attribute.name, Self.json($0)) }
    }
  }

  private static func json(_ value: AttributeValue) -> JSON {
    switch value {
    case .int(let value): .signed(value)
    case .float(let value): .double(value)
    case .bool(let value): .bool(value)
    case .keyword(let keyword): .string(keyword.text)
    case .keywords(let keywords): .array(keywords.map { .string($0.text) })
    }
  }
}
