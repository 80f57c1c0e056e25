/// Arithmetic of templates: numbers as in Python, texts and lists that are joined and repeated.
import Base

extension TemplateRenderer {
  func arithmetic(_ a: TemplateValue, _ sign: String, _ b: TemplateValue) throws -> TemplateValue {
    try step()
    try a.requireDefined()
    if case .text(let text) = a, sign == "%" { return try TemplateFormat.printf(text, b, self) }
    try b.requireDefined()
    switch (a, b, sign) {
    case (.text(let x), .text(let y), "+"):
      let isMarkup = x.isMarkup || y.isMarkup
      func part(_ text: TemplateText) -> [UInt32] { (isMarkup ? Self.escaped(text) : text).units }
      let units = part(x) + part(y)
      try charge(units.count)
      var sum = TemplateText(units)
      sum.isMarkup = isMarkup
      return .text(sum)
    case (.list(let x), .list(let y), "+") where x.kind == y.kind && x.kind != .generator:
      try charge(x.elements.count + y.elements.count)
      return .list(try TemplateList(x.elements + y.elements, x.kind))
    case (.text, _, "*") where b.whole != nil: return try repeated(a, b.whole ?? 0)
    case (.list, _, "*") where b.whole != nil: return try repeated(a, b.whole ?? 0)
    case (_, .text, "*") where a.whole != nil: return try repeated(b, a.whole ?? 0)
    case (_, .list, "*") where a.whole != nil: return try repeated(b, a.whole ?? 0)
    default: break
    }
    if let x = a.whole, let y = b.whole { return try whole(x, sign, y) }
    if let x = a.number, let y = b.number { return try number(x, sign, y) }
    if case .text = a, sign == "+" {
      throw Failure(.value, "can only concatenate str (not \"\(b.typeName)\") to str")
    }
    let shown = sign == "**" ? "** or pow()" : sign
    throw Failure(
      .value, "unsupported operand type(s) for \(shown): '\(a.typeName)' and '\(b.typeName)'")
  }

  private func repeated(_ value: TemplateValue, _ count: Int) throws -> TemplateValue {
    let count = max(0, count)
    func size(_ one: Int, unit: Int = 1) throws -> Int {
      let (size, over) = one.multipliedReportingOverflow(by: count)
      let (cost, isLarge) = size.multipliedReportingOverflow(by: unit)
      try charge(over || isLarge ? .max : cost)
      return size
    }
    switch value {
    case .text(let text):
      var units: [UInt32] = []
      units.reserveCapacity(try size(text.count))
      if !text.isEmpty { for _ in 0..<count { units += text.units } }
      return .text(TemplateText(units))
    case .list(let list):
      var elements: [TemplateValue] = []
      elements.reserveCapacity(try size(list.elements.count, unit: 16))
      if !list.elements.isEmpty { for _ in 0..<count { elements += list.elements } }
      return .list(try TemplateList(elements, list.kind))
    default: return value
    }
  }

  private func whole(_ x: Int, _ sign: String, _ y: Int) throws -> TemplateValue {
    func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> TemplateValue {
      if result.overflow { throw Failure(.value, "a whole number beyond 64 bits") }
      return .int(result.partialValue)
    }
    if ["/", "//", "%"].contains(sign) && y == 0 { throw Failure(.value, "division by zero") }
    switch sign {
    case "+": return try checked(x.addingReportingOverflow(y))
    case "-": return try checked(x.subtractingReportingOverflow(y))
    case "*": return try checked(x.multipliedReportingOverflow(by: y))
    case "/": return .float(Double(x) / Double(y))
    case "//":
      let quotient = x.dividedReportingOverflow(by: y)
      let isShort = !quotient.overflow && x % y != 0 && (x < 0) != (y < 0)
      return try checked(
        isShort ? quotient.partialValue.subtractingReportingOverflow(1) : quotient)
    case "%":
      let rest = x.remainderReportingOverflow(dividingBy: y).partialValue
      return .int(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest)
    default: return try power(x, y)
    }
  }

  private func power(_ x: Int, _ y: Int) throws -> TemplateValue {
    if y < 0 {
      if x == 0 { throw Failure(.value, "0.0 cannot be raised to a negative power") }
      return .float(Libm.pow(Double(x), Double(y)))
    }
    var (result, base, rest) = (1, x, y)
    while rest > 0 {
      if rest & 1 == 1 {
        let (product, over) = result.multipliedReportingOverflow(by: base)
        if over { throw Failure(.value, "a whole number beyond 64 bits") }
        result = product
      }
      rest >>= 1
      if rest > 0 {
        let (square, over) = base.multipliedReportingOverflow(by: base)
        if over { throw Failure(.value, "a whole number beyond 64 bits") }
        base = square
      }
    }
    return .int(result)
  }

  private func number(_ x: Double, _ sign: String, _ y: Double) throws -> TemplateValue {
    if ["/", "//", "%"].contains(sign) && y == 0 { throw Failure(.value, "float division by zero") }
    switch sign {
    case "+": return .float(x + y)
    case "-": return .float(x - y)
    case "*": return .float(x * y)
    case "/": return .float(x / y)
    case "//": return .float((x / y).rounded(.down))
    case "%":
      let rest = x.truncatingRemainder(dividingBy: y)
      return .float(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest)
    default:
      if x == 0 && y < 0 { throw Failure(.value, "0.0 cannot be raised to a negative power") }
      let power = Libm.pow(x, y)
      if power.isNaN && !x.isNaN && !y.isNaN {
        throw Failure(.value, "a negative number to the power of a fraction is complex")
      }
      if power.isInfinite && x.isFinite && y.isFinite {
        throw Failure(.value, "(34, 'Numerical result out of range')")
      }
      return .float(power)
    }
  }
}
