// The one place that calls the operating system: it repeats what EINTR cut short, finishes short reads and writes, and
// turns errno into an error that names the call and the path. A failed fsync is never repeated: the kernel may have
// dropped the pages and would call the second attempt a success.

internal import CVecShims
internal import Glibc
internal import VecCore

extension VecError {
  /// The error of a system call that left `code` in errno.
  static func system(_ call: String, _ path: String, _ code: Int32) -> VecError {
    let kind: VecErrorCode =
      switch code {
      case ENOSPC, EDQUOT, EFBIG: .storageFull
      case EACCES, EPERM, EROFS: .permissionDenied
      default: .ioError
      }
    return VecError(kind, "\(call) \(path): \(String(cString: strerror(code))) (errno \(code))")
  }
}

/// System calls on paths.
enum SystemCall {
  /// What `stat` tells of a path.
  struct Status {
    let isDirectory: Bool
    let isRegular: Bool
    let owner: UInt32
    let byteCount: Int

    init(_ raw: stat) {
      isDirectory = raw.st_mode & S_IFMT == S_IFDIR
      isRegular = raw.st_mode & S_IFMT == S_IFREG
      owner = raw.st_uid
      byteCount = Int(raw.st_size)
    }
  }

  /// Repeats `call` while it is interrupted. A negative result leaves its errno in the error.
  static func retrying<T: SignedInteger>(
    _ name: String, _ path: String, _ call: () -> T
  ) throws(VecError) -> T {
    while true {
      let result = call()
      if result >= 0 { return result }
      let code = errno
      if code != EINTR { throw .system(name, path, code) }
    }
  }

  /// Nil when nothing is there. Symbolic links are followed unless `ofLink`.
  static func status(_ path: String, ofLink: Bool = false) throws(VecError) -> Status? {
    var raw = stat()
    while (ofLink ? lstat(path, &raw) : stat(path, &raw)) != 0 {
      let code = errno
      if code == ENOENT { return nil }
      if code != EINTR { throw .system("stat", path, code) }
    }
    return Status(raw)
  }

  /// Makes a directory of mode 0700. False when it was there already.
  static func makeDirectory(_ path: String) throws(VecError) -> Bool {
    guard mkdir(path, 0o700) != 0 else { return true }
    let code = errno
    switch code {
    case EEXIST: return false
    case ENOENT, ENOTDIR:
      throw VecError(.cannotCreate, "mkdir \(path): the directory above it does not exist; create that first")
    default: throw .system("mkdir", path, code)
    }
  }

  /// Renames without ever replacing; a taken name is `cannot-create`.
  static func renameNoReplace(_ from: String, to: String) throws(VecError) {
    guard vs_rename_no_replace(from, to) != 0 else { return }
    let code = errno
    guard code != EEXIST else {
      throw VecError(.cannotCreate, "rename \(from): \(to) exists already and is never replaced")
    }
    throw .system("rename", from, code)
  }

  /// False when nothing was there.
  static func unlink(_ path: String) throws(VecError) -> Bool {
    guard Glibc.unlink(path) != 0 else { return true }
    let code = errno
    guard code != ENOENT else { return false }
    throw .system("unlink", path, code)
  }

  /// The names in a directory without `.` and `..`, sorted, so that what follows does not depend on the file system.
  static func names(in path: String) throws(VecError) -> [String] {
    guard let stream = opendir(path) else { throw .system("opendir", path, errno) }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        let code = errno
        guard code == 0 else { throw .system("readdir", path, code) }
        return names.sorted()
      }
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
  }

  /// The path without links and relative parts, so that a later change of the working directory does not matter.
  static func absolute(_ path: String) throws(VecError) -> String {
    guard let resolved = realpath(path, nil) else { throw .system("realpath", path, errno) }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Makes the names in a directory durable.
  static func syncDirectory(_ path: String) throws(VecError) {
    try OpenFile(path, O_RDONLY | O_DIRECTORY).sync()
  }

  static var userID: UInt32 { geteuid() }
  static var processID: Int32 { getpid() }
}
