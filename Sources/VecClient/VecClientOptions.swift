@_exported public import VecCore

/// How a `VecClient` behaves. The defaults suit a recall service beside the daemon.
public struct VecClientOptions: Sendable {
  /// Told to the daemon for its log.
  public var name = "VecClient \(VecVersion.number)"
  /// Time for connecting and for the handshake, each.
  public var connectTimeout: Duration = .seconds(5)
  /// Time for a call that names no deadline of its own. Ingests, builds, publishes, rollbacks, verifies, seals, compacts
  /// and snapshots have none unless the call names one.
  public var deadline: Duration = .seconds(10)
  /// What the client waits beyond a deadline for the daemon's own word on it, before it gives up by itself.
  public var deadlineGrace: Duration = .milliseconds(250)
  /// Times that a lost connection is tried again, by one call, before the call fails. At least 1.
  public var reconnectAttempts = 6
  /// Pause before the second of those attempts; it doubles with each further one, up to `reconnectDelayMax`.
  public var reconnectDelay: Duration = .milliseconds(20)
  public var reconnectDelayMax: Duration = .seconds(1)
  /// Frames of an ingest that may be unanswered. At least 1.
  public var ingestWindow = 8
  /// Bytes of a frame of an ingest; more rows are sent as several frames.
  public var ingestFrameBytes = 1 << 20

  public init() {}
}

/// What the daemon said of itself in the handshake.
public struct DaemonInfo: Sendable, Equatable {
  /// E.g. `vecd 0.1.0`.
  public let version: String
  public let protocolVersion: Int
  public let frameBodyBytesMax: Int
  /// Requests of one connection that may be unanswered; further ones wait in the client.
  public let inFlightMax: Int
  public let kMax: Int
  public let dimensionMax: Int
}
