import ArgumentParser
import VecCore

/// Parts of the contract that this version does not have yet: named, parsed, and refused in one way.
enum NotAvailable {
  static func refuse(_ isAsked: Bool, _ option: String, _ what: String) throws(VecError) {
    guard isAsked else { return }
    throw VecError(.notAvailable, "\(option): vecd \(VecVersion.number) has no \(what) yet; leave \(option) out")
  }

  static func verb(_ name: String, instead: String) -> VecError {
    VecError(.notAvailable, "vecd \(VecVersion.number) has no \(name) yet; \(instead)")
  }

  fileprivate static func configuration(_ name: String) -> CommandConfiguration {
    CommandConfiguration(commandName: name, abstract: "Not available in this version.")
  }
}

struct Restore: Verb {
  static let configuration = NotAvailable.configuration("restore")
  @OptionGroup var global: GlobalOptions
  @Argument(parsing: .allUnrecognized) var rest: [String] = []

  func execute() async throws {
    throw NotAvailable.verb("restore", instead: "stop vecd and put a copy of the store directory in place")
  }
}
