/// Every way a request can fail: the closed list of `Formats/errors.tsv`, which a test holds equal to this enum.
///
/// The class is `rawValue / 1000`: 1 caller's mistake, 2 state, 3 limit or overload, 4 damaged or unsupported data,
/// 5 environment, 9 defect; so an older client that meets an unknown code still knows what kind it is.
/// Numbers are never reused.
public enum VecErrorCode: UInt16, CaseIterable, Sendable {
  case invalidArgument = 1001
  case dimensionMismatch = 1002
  case valueNotFinite = 1003
  case normOutOfRange = 1004
  case duplicateId = 1005
  case limitExceeded = 1006
  case malformedFrame = 1007
  case frameTooLong = 1008
  case unsupportedVersion = 1009
  case notAvailable = 1010
  case malformedFile = 1011
  case fileNotFound = 1012
  case collectionNotFound = 2001
  case collectionExists = 2002
  case generationNotFound = 2003
  case generationState = 2004
  case liveGenerationChanged = 2005
  case noLiveGeneration = 2006
  case noPreviousGeneration = 2007
  case idExists = 2008
  case ingestNotFound = 2009
  case busy = 2010
  case storeInUse = 2011
  case modelMismatch = 2012
  case publishRefused = 2013
  case overloaded = 3001
  case deadlineExceeded = 3002
  case shuttingDown = 3003
  case segmentDamaged = 4001
  case manifestDamaged = 4002
  case collectionFenced = 4003
  case unsupportedFormat = 4004
  case ioError = 5001
  case storageFull = 5002
  case permissionDenied = 5003
  case cannotCreate = 5004
  case notReachable = 5005
  case connectionLost = 5006
  case outcomeUnknown = 5007
  case internalDefect = 9001

  /// The name used in messages, logs and documents, e.g. `collection-not-found`.
  public var name: String {
    switch self {
    case .invalidArgument: "invalid-argument"
    case .dimensionMismatch: "dimension-mismatch"
    case .valueNotFinite: "value-not-finite"
    case .normOutOfRange: "norm-out-of-range"
    case .duplicateId: "duplicate-id"
    case .limitExceeded: "limit-exceeded"
    case .malformedFrame: "malformed-frame"
    case .frameTooLong: "frame-too-long"
    case .unsupportedVersion: "unsupported-version"
    case .notAvailable: "not-available"
    case .malformedFile: "malformed-file"
    case .fileNotFound: "file-not-found"
    case .collectionNotFound: "collection-not-found"
    case .collectionExists: "collection-exists"
    case .generationNotFound: "generation-not-found"
    case .generationState: "generation-state"
    case .liveGenerationChanged: "live-generation-changed"
    case .noLiveGeneration: "no-live-generation"
    case .noPreviousGeneration: "no-previous-generation"
    case .idExists: "id-exists"
    case .ingestNotFound: "ingest-not-found"
    case .busy: "busy"
    case .storeInUse: "store-in-use"
    case .modelMismatch: "model-mismatch"
    case .publishRefused: "publish-refused"
    case .overloaded: "overloaded"
    case .deadlineExceeded: "deadline-exceeded"
    case .shuttingDown: "shutting-down"
    case .segmentDamaged: "segment-damaged"
    case .manifestDamaged: "manifest-damaged"
    case .collectionFenced: "collection-fenced"
    case .unsupportedFormat: "unsupported-format"
    case .ioError: "io-error"
    case .storageFull: "storage-full"
    case .permissionDenied: "permission-denied"
    case .cannotCreate: "cannot-create"
    case .notReachable: "not-reachable"
    case .connectionLost: "connection-lost"
    case .outcomeUnknown: "outcome-unknown"
    case .internalDefect: "internal-defect"
    }
  }

  /// Whether the same request may succeed later without a change.
  public var isRetryable: Bool {
    switch self {
    case .busy, .storeInUse, .overloaded, .deadlineExceeded, .shuttingDown, .notReachable, .connectionLost,
      .outcomeUnknown: true
    default: false
    }
  }

  /// The exit status of the command-line tools for this code (after sysexits.h).
  public var exitStatus: Int32 {
    switch self {
    case .invalidArgument, .limitExceeded, .notAvailable: 64
    case .dimensionMismatch, .valueNotFinite, .normOutOfRange, .duplicateId, .malformedFile,
      .generationState, .liveGenerationChanged, .idExists, .ingestNotFound, .modelMismatch, .publishRefused,
      .unsupportedFormat: 65
    case .fileNotFound, .collectionNotFound, .generationNotFound, .noLiveGeneration,
      .noPreviousGeneration: 66
    case .notReachable: 69
    case .internalDefect: 70
    case .collectionExists, .cannotCreate: 73
    case .segmentDamaged, .manifestDamaged, .collectionFenced, .ioError, .storageFull: 74
    case .busy, .storeInUse, .overloaded, .deadlineExceeded, .shuttingDown, .connectionLost, .outcomeUnknown: 75
    case .malformedFrame, .frameTooLong, .unsupportedVersion: 76
    case .permissionDenied: 77
    }
  }
}
