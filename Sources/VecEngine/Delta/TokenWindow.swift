import VecCore
import VecManifest

/// The tokens of a generation's latest writes, so that a write that comes twice is carried out once.
struct TokenWindow {
  private var sequences: [WriteToken: UInt64] = [:]
  /// Oldest first; from `first` on.
  private var order: [WriteToken] = []
  private var first = 0

  /// The sequence that a write with this token was given.
  func sequence(of token: WriteToken) -> UInt64? { sequences[token] }

  mutating func insert(_ token: WriteToken, _ sequence: UInt64) {
    add(token, sequence)
    forget()
  }

  private mutating func add(_ token: WriteToken, _ sequence: UInt64) {
    guard sequences.updateValue(sequence, forKey: token) == nil else { return }
    order.append(token)
  }

  /// Drops the oldest beyond the limit.
  private mutating func forget() {
    while sequences.count > Limits.tokensMax {
      sequences[order[first]] = nil
      first += 1
    }
    if first > Limits.tokensMax {
      order.removeFirst(first)
      first = 0
    }
  }

  /// The write that carries the tokens up to a sequence number over into another delta; nil without any.
  func carried(upTo last: UInt64, sequence: UInt64) -> LoggedWrite? {
    var content = ByteWriter()
    var count = 0
    for token in order[first...] {
      guard let own = sequences[token], own <= last else { continue }
      content.write(token.high)
      content.write(token.low)
      content.write(own)
      count += 1
    }
    guard count > 0 else { return nil }
    return LoggedWrite(sequence: sequence, kind: .tokens, token: nil, rowCount: count, content: content.bytes)
  }

  /// Takes what `carried` wrote: older tokens than those of the writes before it in the same delta.
  mutating func insert(carried write: LoggedWrite) {
    write.content.withUnsafeBytes { bytes in
      for at in stride(from: 0, to: write.rowCount * 24, by: 24) {
        let values = (0..<3).map {
          UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 8 * $0, as: UInt64.self))
        }
        add(WriteToken(high: values[0], low: values[1]), values[2])
      }
    }
    order = order[first...].sorted { (sequences[$0] ?? 0, $0.high, $0.low) < (sequences[$1] ?? 0, $1.high, $1.low) }
    first = 0
    forget()
  }
}
