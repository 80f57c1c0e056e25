/// Places and labels of ticks: steps of 1, 2 or 5 times a power of ten.
///
/// A step is kept as whole mantissa and exponent, and a tick as a whole number of steps, so that 0.3 is written 0.3
/// and not 0.30000000000000004.
import Foundation

/// One tick: where it stands on the axis (the logarithm, on a log axis) and what is written there.
struct Tick: Equatable {
  var place: Double
  var label: String
}

/// A step of `mantissa` (1, 2 or 5) times ten to `exponent`.
struct Step: Equatable {
  var mantissa: Int
  var exponent: Int

  /// The smallest step that cuts `span` into at most `count` parts. `span` is positive and finite.
  init(span: Double, count: Int) {
    let raw = span / Double(max(count, 1))
    var exponent = Int(log10(raw).rounded(.down))
    let share = raw / pow(10, Double(exponent))
    var mantissa = share <= 1.000001 ? 1 : share <= 2.000001 ? 2 : share <= 5.000001 ? 5 : 10
    if mantissa == 10 { (mantissa, exponent) = (1, exponent + 1) }
    self.mantissa = mantissa
    self.exponent = exponent
  }

  var size: Double { value(1) }

  /// `steps` times the step, rounded once.
  func value(_ steps: Double) -> Double {
    let whole = steps * Double(mantissa)
    return exponent < 0 && exponent > -300
      ? whole / pow(10, Double(-exponent)) : whole * pow(10, Double(exponent))
  }

  /// The ticks from `lower` to `upper`, ends included.
  func ticks(from lower: Double, to upper: Double) -> [Tick] {
    let first = (lower / size - 1e-6).rounded(.up)
    let last = (upper / size + 1e-6).rounded(.down)
    guard first.isFinite, last.isFinite, last >= first, last - first < 1000 else { return [] }
    let values = (0...Int(last - first)).map { value(first + Double($0)) }
    return zip(values, labels(values)).map { Tick(place: $0, label: $1) }
  }

  /// Labels with as many decimals as the step has; powers of ten when these would be long.
  private func labels(_ values: [Double]) -> [String] {
    let largest = values.map { abs($0) }.max() ?? 0
    if largest < 1e6, exponent >= -4 {
      return values.map { fixed($0, decimals: max(0, -exponent)) }
    }
    return values.map { value in
      if value == 0 { return "0" }
      let digits = Int(log10(abs(value)).rounded(.down)) - exponent
      return shortened(String(format: "%.*e", min(max(digits, 0), 15), value))
    }
  }
}

/// A number with `decimals` decimals and no minus before zero.
func fixed(_ value: Double, decimals: Int) -> String {
  let text = String(format: "%.*f", decimals, value)
  return text.allSatisfy({ "-0.".contains($0) }) && text.hasPrefix("-") ? String(text.dropFirst()) : text
}

/// `1.50e+07` as `1.5e7`.
func shortened(_ text: String) -> String {
  guard let e = text.firstIndex(of: "e"), let power = Int(text[text.index(after: e)...]) else { return text }
  var mantissa = String(text[..<e])
  if mantissa.contains(".") {
    while mantissa.hasSuffix("0") { mantissa.removeLast() }
    if mantissa.hasSuffix(".") { mantissa.removeLast() }
  }
  return "\(mantissa)e\(power)"
}

/// A number for people, in about `digits` significant digits: `0.213`, `12.5`, `1.2e-5`, `nan`.
func brief(_ value: Double, digits: Int = 3) -> String {
  guard value.isFinite else { return value.isNaN ? "nan" : value > 0 ? "inf" : "-inf" }
  if value == 0 { return "0" }
  let size = abs(value)
  if size >= 1e6 || size < 1e-4 { return shortened(String(format: "%.*e", digits - 1, value)) }
  let whole = Int(log10(size).rounded(.down))
  return fixed(value, decimals: max(0, digits - 1 - whole))
}

/// Ticks of a log axis between the exponents `lower` and `upper`, about `count` of them.
///
/// Wide axes have powers of ten, narrower ones also 2 and 5, and less than half a decade is ticked evenly.
func logTicks(from lower: Double, to upper: Double, count: Int) -> [Tick] {
  let span = upper - lower
  if span < 0.7, lower > -290, upper < 290 {
    let (a, b) = (pow(10, lower), pow(10, upper))
    return Step(span: b - a, count: count).ticks(from: a, to: b).compactMap {
      $0.place > 0 ? Tick(place: log10($0.place), label: $0.label) : nil
    }
  }
  let (first, last) = (Int((lower - 1e-9).rounded(.up)), Int((upper + 1e-9).rounded(.down)))
  if span <= 2.2, count >= 4 {
    return (Int(lower.rounded(.down))...max(last, Int(lower.rounded(.down)))).flatMap { decade in
      [1, 2, 5].compactMap { mantissa -> Tick? in
        let place = Double(decade) + log10(Double(mantissa))
        guard place >= lower - 1e-9, place <= upper + 1e-9 else { return nil }
        let plain = (-4...5).contains(decade)
        let value = Double(mantissa) * pow(10, Double(decade))
        return Tick(
          place: place, label: plain ? fixed(value, decimals: max(0, -decade)) : "\(mantissa)e\(decade)")
      }
    }
  }
  guard first <= last else { return [] }
  let stride = max(1, Step(span: max(span, 1), count: count).size)
  let plain = first >= -4 && last <= 5
  return Swift.stride(from: (Double(first) / stride).rounded(.up) * stride, through: Double(last), by: stride)
    .map {
      Tick(place: $0, label: plain ? fixed(pow(10, $0), decimals: max(0, -Int($0))) : "1e\(Int($0))")
    }
}
