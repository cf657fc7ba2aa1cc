import Foundation

/// The executables that were built beside the running tests.
package enum BuiltProducts {
  /// The path of `vecd` or `vecctl`. `$VECD_BIN_DIR` names another folder to look in.
  package static func path(of product: String) -> String? {
    var folders: [String] = []
    if let named = ProcessInfo.processInfo.environment["VECD_BIN_DIR"] { folders.append(named) }
    // The test runner is an executable of the build folder, or of the toolchain with the test bundle as an argument.
    let words = (try? String(contentsOfFile: "/proc/self/cmdline", encoding: .utf8))?.split(separator: "\0") ?? []
    for word in words where word.contains("/") {
      let path = word.split(separator: "=").last.map(String.init) ?? ""
      folders.append(URL(fileURLWithPath: path).deletingLastPathComponent().path)
    }
    return folders.map { $0 + "/" + product }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
