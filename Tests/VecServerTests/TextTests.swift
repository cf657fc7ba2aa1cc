import Glibc
import Logging
import Testing
import VecCore
import VecServer

@Suite("Text that the daemon reads and writes")
struct TextTests {
  @Test(
    "sizes are read as people write them",
    arguments: [
      "0": 0, "4096": 4096, "512M": 536_870_912, "4G": 4_294_967_296, "4g": 4_294_967_296, "1.5G": 1_610_612_736,
      "2GiB": 2_147_483_648, "16KB": 16_384, "1T": 1_099_511_627_776, "7B": 7,
    ] as [String: Int])
  func sizes(text: String, value: Int) throws { #expect(try ByteSize.parse(text) == value) }

  @Test("what is no size is refused", arguments: ["", "G", "-1", "1e9", "4 G", "0x10", "1.2.3", "nan", "9999999999T", "M4"])
  func badSizes(text: String) { #expect(throws: VecError.self) { try ByteSize.parse(text) } }

  @Test("JSON text escapes what JSON must escape and keeps the order of keys")
  func json() {
    let value = JSON.object([
      ("b", .string("q\"\\\n\u{1}ü")), ("a", .array([.signed(-1), .double(0.5), .bool(true), .null])),
      ("nan", .double(.nan)), ("big", .count(UInt64.max)),
    ])
    #expect(
      value.text
        == #"{"b":"q\"\\\n\u0001ü","a":[-1,0.5,true,null],"nan":null,"big":9223372036854775807}"#)
  }

  @Test("a log line is one line in both formats, whatever its values hold")
  func lines() {
    let pairs = [("a.b", "plain"), ("c", "two words\nand a line")]
    #expect(
      LineLogHandler.line(.text, milliseconds: 1_795_493_640_007, level: .notice, message: "started", pairs)
        == "2026-11-24T04:14:00.007Z notice started a.b=plain c=\"two words\\nand a line\"\n")
    #expect(
      LineLogHandler.line(.json, milliseconds: 0, level: .error, message: "x", pairs)
        == #"{"time":"1970-01-01T00:00:00.000Z","level":"error","message":"x","a.b":"plain","c":"two words\nand a line"}"#
        + "\n")
  }

  @Test("events go to the descriptor with merged metadata, and below the level nothing goes")
  func handler() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let handler = LineLogHandler(format: .text, level: .info, descriptor: ends[1])
    var logger = Logger(label: "t") { _ in handler }
    logger[metadataKey: "k"] = "1"
    logger.debug("hidden")
    logger.info("shown", metadata: ["j": "2"])
    close(ends[1])
    var buffer = [UInt8](repeating: 0, count: 500)
    let count = read(ends[0], &buffer, buffer.count)
    close(ends[0])
    #expect(String(decoding: buffer[..<max(0, count)], as: UTF8.self).hasSuffix(" info shown j=2 k=1\n"))
  }

  @Test("options out of range are refused by the name of their option")
  func options() {
    var options = ServerOptions(storePath: "/s")
    #expect(throws: Never.self) { try options.check() }
    options.threads = 0
    #expect(throws: VecError(.invalidArgument, "--threads is 0, must be 1 to 1024")) { try options.check() }
    options.threads = 1
    options.memoryBudget = 1 << 20
    #expect(throws: VecError.self) { try options.check() }
  }
}
