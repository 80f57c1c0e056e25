/// The logarithm of the C library, for determinants.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@inline(__always) func logarithm(_ x: Double) -> Double { log(x) }
