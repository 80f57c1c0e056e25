/// Arithmetic on sizes that come from outside: files, options and Lua arguments.
///
/// Swift ends the process on overflow, so every product or sum of untrusted numbers goes through here first.
/// Plain `*` and `+` are for indices that are known to be inside an allocation.
public enum Checked {
  /// The product, or a failure that names what was being counted.
  ///
  ///     try Checked.times(3, 4, "elements")   // 12
  @inlinable
  public static func times(_ a: Int, _ b: Int, _ what: @autoclosure () -> String) throws -> Int {
    let (value, overflow) = a.multipliedReportingOverflow(by: b)
    if overflow { throw Failure(.memory, "too many \(what()): \(a) x \(b) does not fit in 64 bits") }
    return value
  }

  @inlinable
  public static func plus(_ a: Int, _ b: Int, _ what: @autoclosure () -> String) throws -> Int {
    let (value, overflow) = a.addingReportingOverflow(b)
    if overflow { throw Failure(.memory, "too many \(what()): \(a) + \(b) does not fit in 64 bits") }
    return value
  }
}
