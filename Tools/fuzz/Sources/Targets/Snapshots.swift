import VecCore
import VecStorage

extension FuzzTarget {
  /// The listing of a snapshot: what is accepted is written again as the same text.
  static let snapshotListing = FuzzTarget(name: "snapshot-listing", lengthMax: 1024) { _ in
    let uuid = UUID(high: 1, low: 2)
    let entries = [
      SnapshotListing.Entry(path: "manifest.sqlite", byteCount: 4096, checksum: 7),
      SnapshotListing.Entry(path: "segments/\(uuid).vseg", byteCount: 1 << 40, checksum: .max),
    ]
    return (0...2).map { Array(SnapshotListing(entries: Array(entries[..<$0])).text.utf8) }
  } run: { input in
    let text = String(decoding: input, as: UTF8.self)
    let listing = accepted([.malformedFile, .unsupportedFormat]) { () throws(VecError) in try SnapshotListing(text: text) }
    guard let listing else { return }
    demand(listing.text == text, "a listing that is not written as it was read")
    demand(listing.entries.allSatisfy { !$0.path.contains("..") && !$0.path.hasPrefix("/") }, "a path that leads out")
  }
}
