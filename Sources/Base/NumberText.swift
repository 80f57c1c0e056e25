/// Numbers in text: NaN is "nan" whatever its sign, which says nothing about it.
///
/// 0/0 has the sign of a negative number on x86, and Swift, as printf, writes such a NaN as "-nan". A `"\(x)"` of a
/// Double or a Float comes here; lists and optionals of them and `String(format:)` do not.
extension DefaultStringInterpolation {
  /// Appends a number; NaN without sign and payload.
  ///
  ///     "\(-Double.nan)"      // nan
  public mutating func appendInterpolation(_ number: Double) {
    appendLiteral(number.isNaN ? "nan" : number.description)
  }

  public mutating func appendInterpolation(_ number: Float) {
    appendLiteral(number.isNaN ? "nan" : number.description)
  }
}
