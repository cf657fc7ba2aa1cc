import VecCore

/// A named set of excluded ids as the manifest keeps it, without its ids: those are in its parts.
package struct ExclusionSetRow: Sendable, Equatable {
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
  package mutating func add(_ part: ExclusionPart) {
    lastPart &+= 1
    chain = part.checksum(after: chain, of: self, number: lastPart)
  }

  /// Notes that a part stands for all there are.
  package mutating func replace(with part: ExclusionPart) {
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
package struct ExclusionPart: Sendable, Equatable {
  /// The end of a life that has none.
  package static let never: Int64 = -1

  /// Milliseconds since 1970.
  package var appendedAt: Int64
  /// Each once, in the order appended.
  package var ids: [UInt64]
  /// Of each id the end of its life in milliseconds since 1970, or `never`.
  package var ends: [Int64]

  package init(appendedAt: Int64, ids: [UInt64], ends: [Int64]) {
    self.appendedAt = appendedAt
    self.ids = ids
    self.ends = ends
  }

  var content: [UInt8] {
    var writer = ByteWriter(reserving: 16 * ids.count)
    writer.write(array: ids)
    writer.write(array: ends)
    return writer.bytes
  }

  /// Nil when the lengths do not fit.
  init?(appendedAt: Int64, idCount: Int64, content: [UInt8]) {
    guard (1...Int64(Limits.excludeSetIdsMax)).contains(idCount), content.count == 16 * Int(idCount) else { return nil }
    self.appendedAt = appendedAt
    (ids, ends) = content.withUnsafeBytes { bytes in
      (
        (0..<Int(idCount)).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) },
        (Int(idCount)..<2 * Int(idCount)).map {
          Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self))
        }
      )
    }
  }

  func checksum(after chain: UInt32, of row: ExclusionSetRow, number: UInt64) -> UInt32 {
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
package struct DamagedExclusions: Sendable, Equatable {
  package var number: UInt64
  /// As far as one of its rows can be believed.
  package var owner: Owner?
  package var reason: String

  package struct Owner: Sendable, Equatable {
    package var collection: UInt64
    package var name: String
  }
}
