/// The version of this build, as told in handshakes, logs and files.
public enum VecVersion {
  public static let number = "0.1.0"
  /// The name that segment headers and the handshake carry.
  public static let writer = "vecd \(number)"
}
