import Glibc
package import VecCore

/// What the operating system knows of this process and machine.
package enum ProcessFacts {
  /// Bytes of memory that are resident now; 0 where /proc is not mounted.
  package static func residentBytes() -> Int {
    guard let text = smallFile("/proc/self/statm") else { return 0 }
    let fields = text.split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Bytes of physical memory.
  package static var physicalBytes: Int { Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE))) }

  /// Processors that this process may run on.
  package static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  package static func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Descriptors 0 to 2 exist: else a data file could be opened as 2 and receive log lines.
  package static func ensureStandardDescriptors() throws(VecError) {
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest free number is given out, so this is `descriptor`.
      guard open("/dev/null", O_RDWR) == descriptor else {
        throw VecError(.ioError, "descriptor \(descriptor) is closed and /dev/null cannot take its place")
      }
    }
  }

  /// A full disk (SIGXFSZ) or a client that left (SIGPIPE) is an error of one call, not the end of the daemon.
  package static func ignoreFatalWriteSignals() {
    signal(SIGXFSZ, SIG_IGN)
    signal(SIGPIPE, SIG_IGN)
  }

  private static func smallFile(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
      count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
