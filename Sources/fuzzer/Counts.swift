/// What has been counted, in a mapped file: it stays when a fault ends the process.
import Base

/// The file `counts` of a folder: 64-bit numbers in the order of the fields.
final class Counts {
  enum Field: Int, CaseIterable { case cases, refused, held }

  private let numbers: UnsafeMutablePointer<Int>

  init?(folder: String) {
    let size = Field.allCases.count * MemoryLayout<Int>.size
    let descriptor = open("\(folder)/counts", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if descriptor < 0 || ftruncate(descriptor, off_t(size)) != 0 { return nil }
    defer { close(descriptor) }
    guard let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      mapped != MAP_FAILED
    else { return nil }
    numbers = mapped.bindMemory(to: Int.self, capacity: Field.allCases.count)
  }

  func add(_ field: Field) { numbers[field.rawValue] += 1 }

  func raise(_ field: Field, to value: Int) { numbers[field.rawValue] = max(numbers[field.rawValue], value) }
}
