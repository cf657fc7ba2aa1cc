import Glibc
import VecCore

/// What the program does besides fuzzing; `Tools/fuzz/run` calls it.
enum Commands {
  /// - Returns: the exit status, or nil when the arguments are none of these commands.
  static func run(_ arguments: [String]) -> Int32? {
    switch arguments.first {
    case "list":
      for target in FuzzTarget.all { print(target.name, target.lengthMax) }
      return 0
    case "seeds" where arguments.count == 3:
      guard let target = FuzzTarget.named(arguments[1]) else { return unknown(arguments[1]) }
      return writeSeeds(of: target, to: arguments[2])
    default: return nil
    }
  }

  private static func writeSeeds(of target: FuzzTarget, to folder: String) -> Int32 {
    do {
      for (number, seed) in try target.seeds(Golden()).enumerated() {
        guard let file = fopen("\(folder)/seed-\(number)", "w") else {
          throw VecError(.cannotCreate, "\(folder): seeds cannot be written there")
        }
        fwrite(seed, 1, seed.count, file)
        fclose(file)
      }
      return 0
    } catch {
      print("vecfuzz: \(error)")
      return 1
    }
  }

  static func unknown(_ name: String) -> Int32 {
    print("vecfuzz: there is no target \(name); `vecfuzz list` names them")
    return 64
  }
}

#if FUZZING
  // libFuzzer has the main program. The target comes by the environment, so that its child processes know it too.
  nonisolated(unsafe) private var current: FuzzTarget?

  @_cdecl("LLVMFuzzerInitialize")
  public func initialize(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
  ) -> CInt {
    let words = (1..<max(1, Int(count.pointee))).compactMap { arguments.pointee[$0].map { String(cString: $0) } }
    if let status = Commands.run(words) { exit(status) }
    let name = getenv("VECFUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget.named(name) else { exit(Commands.unknown(name)) }
    current = target
    return 0
  }

  @_cdecl("LLVMFuzzerTestOneInput")
  public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    current?.run(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
  }
#else
  /// An ordinary build has no fuzzer in it: it runs inputs, such as those a fuzzer kept, and says nothing if all is well.
  @main
  struct Replay {
    static func main() {
      let arguments = Array(CommandLine.arguments.dropFirst())
      if let status = Commands.run(arguments) { exit(status) }
      guard let name = arguments.first, let target = FuzzTarget.named(name) else {
        exit(Commands.unknown(arguments.first ?? ""))
      }
      for path in arguments.dropFirst() {
        guard let bytes = try? Golden.file(path) else {
          print("vecfuzz: \(path): cannot be read")
          exit(1)
        }
        bytes.withUnsafeBytes { target.run($0) }
      }
    }
  }
#endif
