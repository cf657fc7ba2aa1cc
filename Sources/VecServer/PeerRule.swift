import Glibc
package import VecCore

/// Which users may connect: the daemon's own effective uid, and those that its owner named.
package struct PeerRule: Sendable {
  private let uids: Set<UInt32>

  package init(allowedUids: [UInt32], ownUid: UInt32 = geteuid()) { uids = Set(allowedUids).union([ownUid]) }

  /// - Parameter uid: of the peer, nil when the kernel does not tell.
  /// - Throws: `permission-denied` for everybody else, root included.
  package func check(_ uid: UInt32?) throws(VecError) {
    if let uid, uids.contains(uid) { return }
    let who = uid.map { "uid \($0)" } ?? "a peer of unknown uid"
    throw VecError(.permissionDenied, "\(who) may not use this daemon; its owner can name it with --allow-uid")
  }
}
