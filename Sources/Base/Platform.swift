/// The C library of the platform. A file that imports `Base` sees it.
#if canImport(Musl)
  @_exported import Musl
#else
  @_exported import Glibc
#endif

/// Repeats a system call for as long as a signal interrupts it (EINTR).
@discardableResult
public func retryingOnSignal<T: SignedInteger>(_ call: () -> T) -> T {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
