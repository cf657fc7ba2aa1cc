import Glibc
import Testing
import VecCore
import VecServer

private func error(_ body: () throws(VecError) -> Void) -> VecErrorCode? {
  do throws(VecError) {
    try body()
    return nil
  } catch {
    return error.code
  }
}

private func fileMode(_ path: String) -> UInt32? {
  var status = stat()
  return lstat(path, &status) == 0 ? status.st_mode : nil
}

@Suite("The listening socket", .serialized)
struct ListenSocketTests {
  @Test("the socket has mode 0600 from its first moment, whatever the umask")
  func mode() throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    let before = umask(0)
    defer { umask(before) }
    let socket = try ListenSocket(path: directory + "/s")
    #expect(fileMode(directory + "/s") == S_IFSOCK | 0o600)
    #expect(throws: RawClient.Failure.self, "nobody can connect before listen") {
      _ = try RawClient(directory + "/s", greets: false)
    }
    socket.remove()
    #expect(fileMode(directory + "/s") == nil)
    #expect(fileMode(directory + "/s.lock") != nil, "the lock file stays: unlinking it would let two daemons in")
  }

  @Test("a socket for other users too has mode 0666, whatever the umask")
  func modeForOthers() throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    let before = umask(0o077)
    defer { umask(before) }
    let socket = try ListenSocket(path: directory + "/s", mode: 0o666)
    #expect(fileMode(directory + "/s") == S_IFSOCK | 0o666)
    socket.remove()
    #expect(fileMode(directory + "/s") == nil)
  }

  @Test("a stale socket is replaced; a second holder is refused while the first lives")
  func stale() throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    let path = directory + "/s"
    let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(bound == 0)
    close(left)
    let first = try ListenSocket(path: path)
    #expect(error { () throws(VecError) in _ = try ListenSocket(path: path) } == .storeInUse)
    #expect(fileMode(path) != nil, "the refused one removed nothing")
    first.remove()
    let second = try ListenSocket(path: path)
    first.remove()
    #expect(fileMode(path) != nil, "removing twice does not take away the next one's socket")
    second.remove()
  }

  @Test("a regular file at the path is refused and kept")
  func regularFile() throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    let path = directory + "/s"
    close(open(path, O_CREAT | O_WRONLY, 0o644))
    #expect(error { () throws(VecError) in _ = try ListenSocket(path: path) } == .cannotCreate)
    #expect(fileMode(path).map { $0 & S_IFMT } == S_IFREG)
    unlink(path)
    symlink("/tmp/elsewhere", path)
    #expect(error { () throws(VecError) in _ = try ListenSocket(path: path) } == .cannotCreate)
  }

  @Test("a path that does not fit, is empty or has no directory is refused by name")
  func badPaths() throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    let fitting = directory + "/" + String(repeating: "x", count: 107 - directory.utf8.count - 1)
    let socket = try ListenSocket(path: fitting)
    #expect(fileMode(fitting) != nil)
    socket.remove()
    #expect(error { () throws(VecError) in _ = try ListenSocket(path: fitting + "x") } == .invalidArgument)
    #expect(error { () throws(VecError) in _ = try ListenSocket(path: "") } == .invalidArgument)
    #expect(error { () throws(VecError) in _ = try ListenSocket(path: "a\0b") } == .invalidArgument)
    #expect(error { () throws(VecError) in _ = try ListenSocket(path: directory + "/no/s") } == .cannotCreate)
  }

  @Test("only the owner and users it named pass the peer check")
  func peers() {
    let rule = PeerRule(allowedUids: [1001], ownUid: 1000)
    #expect(error { () throws(VecError) in try rule.check(1000) } == nil)
    #expect(error { () throws(VecError) in try rule.check(1001) } == nil)
    #expect(error { () throws(VecError) in try rule.check(1002) } == .permissionDenied)
    #expect(error { () throws(VecError) in try rule.check(0) } == .permissionDenied)
    #expect(error { () throws(VecError) in try rule.check(nil) } == .permissionDenied)
  }
}
