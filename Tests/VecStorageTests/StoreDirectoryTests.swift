import Glibc
import Testing
import VecCore
import VecStorage

@Suite("The store directory")
struct StoreDirectoryTests {
  let scratch = ScratchDirectory()

  static func error(_ path: String, create: Bool) -> VecError? {
    do throws(VecError) {
      _ = try StoreDirectory(path: path, create: create)
      return nil
    } catch {
      return error
    }
  }

  @Test("a missing directory is made for its owner only, with those above it")
  func created() throws {
    let path = scratch.path + "/a/b/store"
    #expect(Self.error(path, create: false)?.code == .fileNotFound)
    #expect(!Files.exists(scratch.path + "/a"))
    let store = try StoreDirectory(path: path, create: true)
    #expect(Files.mode(path) == 0o700 && Files.mode(path + "/segments") == 0o700)
    #expect(Files.mode(path + "/LOCK") == 0o600)
    #expect(store.segmentPath(UUID(high: 0, low: 0)).hasPrefix(store.path + "/segments/"))
  }

  @Test("a directory with other things in it is refused and left as it was")
  func foreign() throws {
    for name in ["notes.txt", "segments"] {
      let path = scratch.path + "/" + name + "-store"
      mkdir(path, 0o700)
      Files.write([1], path + "/" + name)
      for create in [true, false] {
        #expect(Self.error(path, create: create)?.code == .cannotCreate)
      }
      #expect(!Files.exists(path + "/LOCK"))
    }
    Files.write([1], scratch.path + "/file")
    #expect(Self.error(scratch.path + "/file", create: true)?.code == .cannotCreate)
    #expect(Self.error(scratch.path + "/file/below", create: true) != nil)
  }

  @Test("an empty directory becomes a store only when it may; a half-made store is finished")
  func empty() throws {
    #expect(Self.error(scratch.path, create: false)?.code == .fileNotFound)
    Files.write([], scratch.path + "/LOCK")
    #expect(Self.error(scratch.path, create: true) == nil)
    #expect(Self.error(scratch.path, create: false) == nil)
  }

  @Test("a store is held by one at a time; the refusal names the holder, and closing frees it")
  func lock() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let refusal = try #require(Self.error(scratch.path, create: false))
    #expect(refusal.code == .storeInUse && refusal.message.contains("process \(getpid());"))
    store.close()
    #expect(Files.exists(scratch.path + "/LOCK"))
    let second = try StoreDirectory(path: scratch.path, create: false)
    store.close()
    #expect(Self.error(scratch.path, create: false)?.code == .storeInUse)
    withExtendedLifetime(second) {}
  }

  @Test("a store directory of another user is refused", .enabled(if: geteuid() == 0, "needs root to make one"))
  func otherOwner() throws {
    let path = scratch.path + "/theirs"
    mkdir(path, 0o700)
    chown(path, 4_242, 4_242)
    let error = try #require(Self.error(path, create: true))
    #expect(error.code == .permissionDenied && error.message.contains("uid 4242"))
  }

  @Test("what a crash left is removed at the start, what is known or foreign stays, and nothing blocks")
  func leftovers() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let kept = try SegmentFixture.l2.write(to: store)
    let unknown = try SegmentFixture.tiny.write(to: store)
    Files.write([1, 2], store.temporaryPath(UUID(high: 9, low: 9)))
    Files.write([], store.path + "/segments/.tmp-anything")
    let foreign = ["notes", "x.vseg", "0000.vseg", "00000000000000000000000000000001.vsegx"]
    for name in foreign { Files.write([3], store.path + "/segments/" + name) }
    mkdir(store.path + "/segments/.tmp-directory", 0o700)
    symlink("/dev/null", store.path + "/segments/.tmp-link")
    let removed = try store.removeLeftovers(keeping: [kept.uuid])
    #expect(Set(removed) == [".tmp-\(UUID(high: 9, low: 9))", ".tmp-anything", "\(unknown.uuid).vseg"])
    #expect(try store.segmentUUIDs() == [kept.uuid])
    for name in foreign + [".tmp-directory"] { #expect(Files.exists(store.path + "/segments/" + name)) }
    #expect(try store.removeLeftovers(keeping: [kept.uuid]).isEmpty)
    // A temporary file of the same name that was not removed stops that one writer, with a clear error.
    Files.write([1], store.temporaryPath(unknown.uuid))
    #expect(SegmentWriterTests.code { try SegmentFixture.tiny.write(to: store) } == .ioError)
    #expect(Files.exists(store.temporaryPath(unknown.uuid)))
  }

  @Test("a segment is removed once, and a mapping of it stays readable")
  func unlink() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let identity = try SegmentFixture.l2.write(to: store)
    let segment = try MappedSegment.open(path: store.segmentPath(identity.uuid), expecting: identity)
    try store.unlinkSegment(identity.uuid)
    try store.unlinkSegment(identity.uuid)
    #expect(try store.segmentUUIDs().isEmpty)
    #expect(segment.vectors.elementsEqual(SegmentFixture.l2.vectors))
    try segment.verify()
  }
}

/// A file system of 128 KiB. Only root can make one.
private final class TinyFileSystem {
  let scratch = ScratchDirectory()

  init?() {
    guard geteuid() == 0, mount("tmpfs", scratch.path, "tmpfs", 0, "size=128k,mode=700") == 0 else { return nil }
  }

  deinit { umount2(scratch.path, Int32(MNT_DETACH)) }

  static let isPossible = TinyFileSystem() != nil
}

@Suite("A full disk", .enabled(if: TinyFileSystem.isPossible, "needs the right to mount a tmpfs"))
struct FullDiskTests {
  @Test("is told as such, leaves nothing, and does not hinder what still fits")
  func full() throws {
    let small = try #require(TinyFileSystem())
    let store = try StoreDirectory(path: small.scratch.path, create: true)
    #expect(SegmentWriterTests.code { try SegmentFixture.manyBlocks.write(to: store) } == .storageFull)
    #expect(try store.removeLeftovers(keeping: []).isEmpty)
    let spool = try RowSpool(directory: store)
    let code = SegmentWriterTests.code {
      try [UInt8](repeating: 7, count: 300_000).passed { (raw) throws(VecError) in try spool.append(raw) }
    }
    #expect(code == .storageFull)
    withExtendedLifetime(spool) {}
  }

  @Test("a small segment is published on what is left")
  func fits() throws {
    let small = try #require(TinyFileSystem())
    let store = try StoreDirectory(path: small.scratch.path, create: true)
    #expect(SegmentWriterTests.code { try SegmentFixture.manyBlocks.write(to: store) } == .storageFull)
    let identity = try SegmentFixture.l2.write(to: store)
    #expect(DamageTests.detects(store.segmentPath(identity.uuid), expecting: identity) == nil)
  }
}
