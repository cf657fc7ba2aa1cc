package import VecCore
import VecManifest

// Named sets of biases: what searches that name one add to the scores of its items.
extension Engine {
  /// Carries out changes of bias sets in their order, all in one commit; each succeeds or fails for itself, but for the
  /// commit. The answers are the ids in the set; of a set to forget 1 when it was there, else 0.
  ///
  /// When this returns, what succeeded is durable and seen by every search that begins now.
  package func bias(_ writes: [BiasWrite]) -> [Result<UInt64, VecError>] {
    let now = options.now()
    return change(biases, writes.map { NamedSetWrite($0, at: now) })
  }

  /// The biases of a named set; none when there is none of this name.
  package func biases(_ name: String, set: String) throws(VecError) -> Biases {
    try Names.checkBiasSet(set)
    let found = try biases.entry(set, of: try collection(name).row)?.content
    return Biases(ids: found?.ids ?? [], values: found?.values ?? [])
  }
}

extension NamedSetWrite {
  fileprivate init(_ write: BiasWrite, at now: Int64) {
    (collection, set) = (write.address.collection, write.address.set)
    guard case .put(let put) = write else { return }
    do throws(VecError) {
      try put.checkValues()
      part = BiasSet.part(put.ids, put.values, at: now)
    } catch { refusal = error }
  }
}
