/// The file that holds the input: one for all cases, because making a file takes longer than most readers.
import Base

final class InputFile {
  let folder: String
  let path: String
  private let descriptor: Int32
  private var count = 0

  init?(folder: String, name: String) {
    self.folder = folder
    path = "\(folder)/\(name)"
    descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    if descriptor < 0 { return nil }
  }

  deinit { close(descriptor) }

  /// Makes these bytes the content of the file.
  func write(_ bytes: UnsafeBufferPointer<UInt8>) {
    if bytes.count < count && ftruncate(descriptor, off_t(bytes.count)) != 0 {
      fault("cannot shorten \(path)")
    }
    count = bytes.count
    let written = pwrite(descriptor, bytes.baseAddress, count, 0)
    if written != count { fault("cannot write \(path)") }
  }
}
