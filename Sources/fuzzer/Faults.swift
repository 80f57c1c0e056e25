/// Faults that no trap and no sanitizer sees: they end the process, and libFuzzer keeps the input.
import Base

func fault(_ problem: String) -> Never {
  fputs("fuzzer: \(problem)\n", stderr)
  abort()
}

/// The value of what a reader that took its input must be able to do.
func always<T>(_ what: String, _ body: () throws -> T) -> T {
  do { return try body() } catch { fault("\(what): \(error)") }
}
