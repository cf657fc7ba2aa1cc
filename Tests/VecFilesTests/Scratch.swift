import Glibc
import VecCore
import VecFiles

/// A folder of one test, gone with it, and the bytes of input files.
final class Scratch {
  let path: String

  init() {
    var template = Array("/tmp/vecfiles-XXXXXX\0".utf8CString)
    path = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? "/nonexistent"
    }
  }

  deinit {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) {
          String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        unlink("\(path)/\(name)")
      }
      closedir(folder)
    }
    rmdir(path)
  }

  /// Writes a file and returns its path.
  func file(_ name: String, _ bytes: [UInt8]) -> String {
    let path = "\(self.path)/\(name)"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    precondition(descriptor >= 0 && write(descriptor, bytes, bytes.count) == bytes.count)
    close(descriptor)
    return path
  }

  func file(_ name: String, text: String) -> String { file(name, Array(text.utf8)) }
}

/// An npy file as numpy writes it, with every part open to spoiling.
func npy<T: BitwiseCopyable>(
  _ descr: String, _ shape: String, _ values: [T], fortran: String = "False", version: UInt8 = 1
) -> [UInt8] {
  npy(header: "{'descr': \(descr), 'fortran_order': \(fortran), 'shape': \(shape), }", values, version: version)
}

func npy<T: BitwiseCopyable>(header: String, _ values: [T], version: UInt8 = 1) -> [UInt8] {
  let text = Array(header.utf8) + [UInt8(ascii: "\n")]
  var writer = ByteWriter()
  writer.write(bytes: [0x93] + Array("NUMPY".utf8) + [version, 0])
  if version == 1 { writer.write(UInt16(text.count)) } else { writer.write(UInt32(text.count)) }
  writer.write(bytes: text)
  writer.write(array: values)
  return writer.bytes
}

/// Everything a source yields.
struct Drained: Equatable {
  var ids: [UInt64] = []
  var values: [Float] = []
  var halves: [UInt16] = []
  var dimension: Int?
}

func drain(_ path: String, ids: String? = nil) throws(VecError) -> Drained {
  let source = try openVectors(path: path, idsPath: ids)
  var all = Drained(dimension: source.dimension)
  while let block = try source.nextBlock() {
    all.ids += block.ids
    switch block.elements {
    case .f32(let values): all.values += values
    case .f16(let bits): all.halves += bits
    }
  }
  if let rowCount = source.rowCount, rowCount != all.ids.count {
    throw VecError(.internalDefect, "\(rowCount) rows told, \(all.ids.count) handed out")
  }
  return all
}

/// The error of reading `path`; nil when it can be read.
func failure(_ path: String, ids: String? = nil) -> VecError? {
  do throws(VecError) {
    _ = try drain(path, ids: ids)
    return nil
  } catch {
    return error
  }
}
