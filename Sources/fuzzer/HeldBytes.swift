/// The most bytes that a case holds, by every allocation and release: a sanitizer keeps freed memory, so that
/// resident memory says nothing.
import Base

@_silgen_name("__sanitizer_install_malloc_and_free_hooks")
private func installHooks(
  _ allocated: @convention(c) (UnsafeRawPointer?, Int) -> Void,
  _ freed: @convention(c) (UnsafeRawPointer?) -> Void
) -> Int32

@_silgen_name("__sanitizer_get_allocated_size")
private func allocatedSize(_ address: UnsafeRawPointer?) -> Int

enum HeldBytes {
  /// The most that the last case held.
  nonisolated(unsafe) private(set) static var most = 0
  nonisolated(unsafe) fileprivate static var now = 0
  nonisolated(unsafe) fileprivate static var isCounting = false

  static func install() {
    _ = installHooks(
      { _, count in if HeldBytes.isCounting { HeldBytes.add(count) } },
      { address in if HeldBytes.isCounting { HeldBytes.add(-allocatedSize(address)) } })
  }

  static func begin() { (now, most, isCounting) = (0, 0, true) }

  static func end() { isCounting = false }

  fileprivate static func add(_ count: Int) {
    now += count
    if now > most { most = now }
  }
}
