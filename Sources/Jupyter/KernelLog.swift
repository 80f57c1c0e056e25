/// The kernel's own messages, on the standard error that it was started with; that of cells goes to the client.
import Base

final class KernelLog: @unchecked Sendable {
  private let descriptor: Int32
  private let lock = Lock()
  private var second = 0
  private var lines: [String: Int] = [:]
  private var left = 0

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Writes a line. Beyond some lines a second they are counted: a flood of bad messages must not fill a disk.
  func write(_ text: String) {
    lock.locked {
      let now = time(nil)
      if now != second {
        if left > 0 { put("\(left) more messages") }
        (second, lines, left) = (now, [:], 0)
      }
      let count = lines[text] ?? 0
      if count < KernelLimits.equalLogLinesMax && (count > 0 || lines.count < KernelLimits.logLinesMax) {
        lines[text] = count + 1
        put(text)
      } else {
        left += 1
      }
    }
  }

  private func put(_ text: String) {
    let bytes = Array("perilune kernel: \(text.readable)\n".utf8)
    _ = bytes.withUnsafeBytes { try? FileCalls.writeAll(descriptor, $0, "the log") }
  }
}
