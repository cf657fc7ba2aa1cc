import Foundation
import Glibc
import Testing

/// A file system of a few megabytes in memory, which really can be full. Only root can make one. It has to be unmounted
/// before the directory it lies over can go.
final class TinyDisk {
  let path: String
  private var isMounted = true
  private var filler: String { path + "/filler" }

  /// - Parameter path: an empty directory, over which it is mounted.
  init?(at path: String, byteCount: Int) {
    self.path = path
    guard geteuid() == 0, mount("tmpfs", path, "tmpfs", 0, "size=\(byteCount),mode=700") == 0 else { return nil }
  }

  deinit { unmount() }

  /// May be called twice.
  func unmount() {
    if isMounted { umount2(path, Int32(MNT_DETACH)) }
    isMounted = false
  }

  /// For the condition of a suite: a machine where nothing may be mounted skips it visibly.
  static let isPossible: Bool = {
    guard let folder = try? DaemonFixture.temporaryFolder() else { return false }
    defer { rmdir(folder) }
    let disk = TinyDisk(at: folder, byteCount: 1 << 16)
    defer { disk?.unmount() }
    return disk != nil
  }()

  var freeBytes: Int {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return 0 }
    return Int(status.f_bavail) * Int(status.f_bsize)
  }

  /// Fills the disk with a file of somebody else's until no more than so many bytes, in whole pages, are left.
  func leave(_ byteCount: Int) throws {
    free()
    let descriptor = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    try #require(descriptor >= 0, "\(filler): errno \(errno)")
    defer { close(descriptor) }
    let excess = (freeBytes - byteCount + 4095) / 4096 * 4096
    if excess > 0 { try #require(posix_fallocate(descriptor, 0, off_t(excess)) == 0, "\(filler): errno \(errno)") }
    #expect(freeBytes <= byteCount)
  }

  /// Makes room again.
  func free() { unlink(filler) }
}

extension DaemonFixture {
  /// A daemon whose store is a disk of its own.
  static func onTinyDisk(_ byteCount: Int, ballast: String = "1M") throws -> (daemon: DaemonFixture, disk: TinyDisk) {
    let daemon = try DaemonFixture(options: ["--ballast", ballast]) { fixture in
      mkdir(fixture.store, 0o700)
      _ = try fixture.mountDisk(at: fixture.store, byteCount)
    }
    return (daemon, try #require(daemon.disk))
  }

  /// A disk that is unmounted before the fixture's folder goes.
  func mountDisk(at path: String, _ byteCount: Int) throws -> TinyDisk {
    let disk = try #require(TinyDisk(at: path, byteCount: byteCount), "no file system could be mounted")
    self.disk = disk
    return disk
  }
}
