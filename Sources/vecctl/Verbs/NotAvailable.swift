import VecCore

/// Parts of the contract that this version does not have yet: named, parsed, and refused in one way.
enum NotAvailable {
  static func refuse(_ isAsked: Bool, _ option: String, _ what: String) throws(VecError) {
    guard isAsked else { return }
    throw VecError(.notAvailable, "\(option): vecd \(VecVersion.number) has no \(what) yet; leave \(option) out")
  }
}
