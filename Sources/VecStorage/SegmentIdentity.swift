package import VecCore

/// What the manifest repeats of a segment, so that a swapped or stale file is noticed although it is sound in itself.
package struct SegmentIdentity: Sendable, Equatable {
  package var uuid: UUID
  package var byteCount: UInt64
  package var rootChecksum: UInt32

  package init(uuid: UUID, byteCount: UInt64, rootChecksum: UInt32) {
    self.uuid = uuid
    self.byteCount = byteCount
    self.rootChecksum = rootChecksum
  }
}

/// File names of segments.
enum SegmentName {
  static let suffix = ".vseg"
  static let temporaryPrefix = ".tmp-"

  /// The uuid of a name `<uuid>.vseg`; nil for any other name.
  static func uuid(in name: some StringProtocol) -> UUID? {
    guard name.hasSuffix(suffix) else { return nil }
    return UUID(hex: String(name.dropLast(suffix.count)))
  }

  static func uuid(inPath path: String) -> UUID? {
    guard let name = path.split(separator: "/").last else { return nil }
    return uuid(in: name)
  }
}
