import VecCore

/// What the ids of a named set have: ends of their lives, or biases.
package enum NamedSetKind: Sendable, CaseIterable {
  case exclusions
  case biases

  var sets: String { self == .exclusions ? "exclusion_sets" : "bias_sets" }
  var parts: String { self == .exclusions ? "exclusion_parts" : "bias_parts" }
  package var noun: String { self == .exclusions ? "exclude set" : "bias set" }
  package var article: String { self == .exclusions ? "an" : "a" }
  /// Ids that a set, or a part of one, has at most.
  package var idsMax: Int { self == .exclusions ? Limits.excludeSetIdsMax : Limits.biasSetIdsMax }
}

/// A named set of ids as the manifest keeps it, without its ids: those are in its parts.
package struct NamedSetRow: Sendable, Equatable {
  package var number: UInt64
  package var collection: UInt64
  package var name: String
  package var firstPart: UInt64 = 1
  package var lastPart: UInt64 = 0
  /// Checksum of the last part, which covers all before; 0 without parts.
  package var chain: UInt32 = 0

  package init(number: UInt64, collection: UInt64, name: String) {
    self.number = number
    self.collection = collection
    self.name = name
  }

  package var partCount: Int { Int(clamping: lastPart &+ 1 &- firstPart) }

  /// Notes that a part follows.
  package mutating func add(_ part: NamedSetPart) {
    lastPart &+= 1
    chain = part.checksum(after: chain, of: self, number: lastPart)
  }

  /// Notes that a part stands for all there are.
  package mutating func replace(with part: NamedSetPart) {
    firstPart = lastPart &+ 1
    chain = 0
    add(part)
  }

  var checksum: UInt32 {
    var writer = ByteWriter(reserving: 112)
    writer.write(number)
    writeOwner(to: &writer)
    for value in [firstPart, lastPart, UInt64(chain)] { writer.write(value) }
    return writer.bytes.withUnsafeBytes { CRC32C.of($0) }
  }

  fileprivate func writeOwner(to writer: inout ByteWriter) {
    writer.write(collection)
    writer.write(UInt64(name.utf8.count))
    writer.write(bytes: name.utf8)
  }
}

/// What one append put into a set, or all that was in it when its parts became one.
package struct NamedSetPart: Sendable, Equatable {
  /// Milliseconds since 1970.
  package var appendedAt: Int64
  /// Each once, in the order appended.
  package var ids: [UInt64]
  /// Of each id: the end of its life in milliseconds since 1970, -1 for never; or the bits of its bias, an f32.
  package var values: [Int64]

  package init(appendedAt: Int64, ids: [UInt64], values: [Int64]) {
    self.appendedAt = appendedAt
    self.ids = ids
    self.values = values
  }

  var content: [UInt8] {
    var writer = ByteWriter(reserving: 16 * ids.count)
    writer.write(array: ids)
    writer.write(array: values)
    return writer.bytes
  }

  /// Nil when the lengths do not fit.
  init?(_ kind: NamedSetKind, appendedAt: Int64, idCount: Int64, content: [UInt8]) {
    guard (1...Int64(kind.idsMax)).contains(idCount), content.count == 16 * Int(idCount) else { return nil }
    self.appendedAt = appendedAt
    (ids, values) = content.withUnsafeBytes { bytes in
      (
        (0..<Int(idCount)).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) },
        (Int(idCount)..<2 * Int(idCount)).map {
          Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self))
        }
      )
    }
  }

  func checksum(after chain: UInt32, of row: NamedSetRow, number: UInt64) -> UInt32 {
    var head = ByteWriter(reserving: 128)
    head.write(chain)
    head.write(row.number)
    head.write(number)
    row.writeOwner(to: &head)
    head.write(appendedAt)
    head.write(UInt64(ids.count))
    var crc = CRC32C()
    crc.update(head.bytes)
    crc.update(content)
    return crc.value
  }
}

/// A set of which not everything can be believed.
package struct DamagedSet: Sendable, Equatable {
  package var number: UInt64
  /// As far as one of its rows can be believed.
  package var owner: Owner?
  package var reason: String

  package struct Owner: Sendable, Equatable {
    package var collection: UInt64
    package var name: String
  }
}
