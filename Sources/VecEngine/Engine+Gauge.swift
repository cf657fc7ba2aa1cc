import Synchronization
package import VecCore
import VecManifest

// What the recall gauge of the daemon needs.
extension Engine {
  /// 0 for a collection that is not there.
  package func gaugeShare(of name: String) -> Float {
    guard isGaugeOn.load(ordering: .relaxed) else { return 0 }
    return state.withLock { $0.collections[name]?.row.settings.gaugeShare } ?? 0
  }

  /// Whether any collection has a gauge, for those who only look.
  func noteGauges() {
    let isOn = state.withLock { $0.collections.values.contains { $0.row.settings.gaugeShare > 0 } }
    isGaugeOn.store(isOn, ordering: .relaxed)
  }

  /// The true answer of one query of a request, or nil when what answered it has changed since.
  package func exactly(
    _ request: SearchRequest, query: Int, like reply: SearchReply, shouldStop: () -> Bool
  ) throws(VecError) -> SearchReply? {
    let collection = try collection(request.collection)
    guard collection.row.sequence == reply.sequence,
      let generation = collection.generations.first(where: { $0.row.number == reply.generationNumber })
    else { return nil }
    var exact = request.only([query])
    exact.effort = .exact
    exact.index = nil
    exact.fields = []
    if exact.excluded.count > 1 { exact.excluded = [exact.excluded[query]] }
    if exact.excludeSets.count > 1 { exact.excludeSets = [exact.excludeSets[query]] }
    return try measure(exact, from: try collection.sound(generation), of: collection, shouldStop: shouldStop)
  }
}
