import VecCore

/// One decoder under fuzzing: what it is fed, and what must hold whatever it is fed. A trap, a hang, memory out of bounds
/// and a broken `demand` are findings; an error of the kinds that the decoder promises is not.
struct FuzzTarget: Sendable {
  let name: String
  /// Longer inputs reach nothing that shorter ones do not.
  let lengthMax: Int
  /// Inputs to start from, made from golden files and by vecd's own writers. They are run once to make a corpus.
  let seeds: @Sendable (Golden) throws -> [[UInt8]]
  let run: @Sendable (UnsafeRawBufferPointer) -> Void

  static func named(_ name: String) -> FuzzTarget? { (all + [planted]).first { $0.name == name } }

  /// A new target is a file in `Targets` and a name here.
  static let all: [FuzzTarget] = [
    frames, requests, replies, ids, lists, graph, calibration, segment, sealed, built, inspect, npy, npyIds, queries,
    fvecs, jsonl, manifestLog, snapshotListing, filter, filterText, attributeColumns, valueOrder, stringIDs,
  ]
}

/// Ends the process when what must hold does not: the fuzzer keeps the input that led here.
func demand(_ condition: Bool, _ what: @autoclosure () -> String) {
  guard !condition else { return }
  fatalError("broken promise: \(what())")
}

/// What a decoder returned, nil when it refused its input in one of the ways it may.
func accepted<T>(_ codes: Set<VecErrorCode>, _ decode: () throws(VecError) -> T) -> T? {
  do throws(VecError) {
    return try decode()
  } catch {
    demand(codes.contains(error.code), "\(error.code) is no error of this decoder: \(error.message)")
    demand(!error.message.contains("\n"), "an error message of several lines: \(error.message)")
    return nil
  }
}

extension Array where Element: BitwiseCopyable {
  /// The bytes, for decoders that throw typed errors.
  func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws(VecError) -> R) throws(VecError) -> R {
    try withUnsafeBufferPointer { (buffer) throws(VecError) in try body(UnsafeRawBufferPointer(buffer)) }
  }
}

/// Choices taken off the front of an input; zeros once it is used up.
struct Choices {
  private(set) var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  mutating func byte() -> Int { take(1).first.map(Int.init) ?? 0 }

  mutating func word() -> Int { byte() | byte() << 8 }

  /// The next bytes, as many as there are.
  mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
    let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
    return piece
  }
}
