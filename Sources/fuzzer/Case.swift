/// Reads one input. What ends the process is a fault: a trap, a report of a sanitizer, or one that is found here.
import Base

struct Case {
  private let format: Format
  private let file: InputFile
  private let counts: Counts

  /// The case of this process. libFuzzer calls a C function, which has no context.
  nonisolated(unsafe) static var current: Case?

  /// Nil if the folder cannot be written.
  init?(_ format: Format, folder: String) {
    guard let file = InputFile(folder: folder, name: format.file), let counts = Counts(folder: folder) else {
      return nil
    }
    (self.format, self.file, self.counts) = (format, file, counts)
  }

  func read(_ bytes: UnsafeBufferPointer<UInt8>) {
    file.write(bytes)
    counts.add(.cases)
    HeldBytes.begin()
    do {
      try format.read(file)
      HeldBytes.end()
    } catch let failure as Failure {
      HeldBytes.end()
      let more = HeldBytes.most - 2 * bytes.count
      if more > format.heldMax { fault("\(more) bytes held beyond twice the file, and then: \(failure)") }
      counts.add(.refused)
      counts.raise(.held, to: more)
    } catch {
      fault("an error that is no Failure: \(error)")
    }
  }
}
