import Foundation
import VecCore
import VecFiles

/// Turns what JSON says of items into records, by the attributes of a collection.
struct ItemDecoder: Sendable {
  let attributes: [AttributeDefinition]

  /// - Parameter context: names the row in messages.
  func record(_ item: RawItem, context: String) throws(VecError) -> AttributeRecord {
    var record = AttributeRecord()
    if !item.attributes.isEmpty { record = try decode(item.attributes, context: context) }
    if !item.payload.isEmpty { record.payload = try payload(item.payload, context: context) }
    return record
  }

  /// An object of names and values, in which the key `payload` is the payload.
  func decode(_ object: [UInt8], context: String) throws(VecError) -> AttributeRecord {
    let decoder = JSONDecoder()
    if let key = ItemValues.key { decoder.userInfo[key] = self }
    do {
      return try decoder.decode(ItemValues.self, from: Data(object)).record
    } catch let error as VecError {
      throw VecError(error.code, "\(context): \(error.message)")
    } catch {
      throw VecError(.malformedFile, "\(context): is not a JSON object of attributes and their values")
    }
  }

  /// A text stands for its bytes, any other value for its JSON.
  private func payload(_ value: [UInt8], context: String) throws(VecError) -> [UInt8] {
    if let text = try? JSONDecoder().decode(String.self, from: Data(value)) { return Array(text.utf8) }
    guard let bytes = try? JSONDecoder().decode(AnyJSON.self, from: Data(value)).compact() else {
      throw VecError(.malformedFile, "\(context): its payload is not JSON")
    }
    return bytes
  }
}

/// The values of one item, decoded as what the collection's attributes are.
private struct ItemValues: Decodable {
  static let key = CodingUserInfoKey(rawValue: "attributes")
  private static let payloadKey = "payload"
  var record = AttributeRecord()

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    guard let key = Self.key, let item = decoder.userInfo[key] as? ItemDecoder else {
      throw VecError(.internalDefect, "no attributes to decode by")
    }
    let values = try decoder.container(keyedBy: Name.self)
    for name in values.allKeys {
      if name.stringValue == Self.payloadKey {
        record.payload = try Self.payload(values, name)
        continue
      }
      guard let position = item.attributes.firstIndex(where: { $0.name == name.stringValue }) else {
        let known = item.attributes.map(\.name).joined(separator: ", ")
        throw VecError(
          .invalidArgument,
          "there is no attribute \(Names.quoted(name.stringValue)); there " + (known.isEmpty ? "are none" : "are: \(known)"))
      }
      guard try !values.decodeNil(forKey: name) else { continue }
      record[position] = try Self.value(values, name, item.attributes[position])
    }
    try record.check(item.attributes)
  }

  private static func value(
    _ values: KeyedDecodingContainer<Name>, _ name: Name, _ attribute: AttributeDefinition
  ) throws -> AttributeValue {
    do {
      switch attribute.type {
      case .int: return .int(try values.decode(Int64.self, forKey: name))
      case .float: return .float(try values.decode(Double.self, forKey: name))
      case .bool: return .bool(try values.decode(Bool.self, forKey: name))
      case .keyword: return .keyword(Keyword(try values.decode(String.self, forKey: name)))
      case .keywords: return .set(try values.decode([String].self, forKey: name).map { Keyword($0) })
      }
    } catch {
      let right =
        switch attribute.type {
        case .int: "a whole number of 64 bits"
        case .float: "a number"
        case .bool: "true or false"
        case .keyword: "a text"
        case .keywords: "an array of texts"
        }
      throw VecError(
        .invalidArgument, "attribute \(Names.quoted(attribute.name)) is \(attribute.type.name), its value must be \(right)")
    }
  }

  private static func payload(_ values: KeyedDecodingContainer<Name>, _ name: Name) throws -> [UInt8] {
    if try values.decodeNil(forKey: name) { return [] }
    if let text = try? values.decode(String.self, forKey: name) { return Array(text.utf8) }
    return try values.decode(AnyJSON.self, forKey: name).compact()
  }
}
