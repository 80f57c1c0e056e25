/// Faults that no trap and no sanitizer sees: they end the process, and libFuzzer keeps the input.
import Base

func fault(_ problem: String) -> Never {
  fputs("fuzzer: \(problem)\n", stderr)
  abort()
}

/// The value of what must succeed once a reader took its input; else a fault.
func require<T>(orFault problem: String, _ body: () throws -> T) -> T {
  do { return try body() } catch { fault("\(problem): \(error)") }
}
