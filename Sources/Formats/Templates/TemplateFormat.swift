/// `"{} {name}".format(...)` and `"%s" % value`, without format specifications.
import Base

enum TemplateFormat {
  static func format(_ text: TemplateText, _ given: CallArguments, _ renderer: TemplateRenderer) throws
    -> TemplateValue
  {
    var out: [UInt32] = []
    var (i, next) = (0, 0)
    let units = text.units
    func unit(_ k: Int) -> UInt32 { k < units.count ? TemplateText.scalar(units[k]) : 0 }
    while i < units.count {
      let c = unit(i)
      if (c == 123 || c == 125) && unit(i + 1) == c {
        out.append(units[i])
        i += 2
      } else if c == 125 {
        throw Failure(.value, "Single '}' encountered in format string")
      } else if c == 123 {
        var end = i + 1
        while end < units.count, unit(end) != 125 { end += 1 }
        if end == units.count { throw Failure(.value, "expected '}' before end of string") }
        let field = TemplateText(units[(i + 1)..<end]).string
        let value: TemplateValue?
        if field.isEmpty {
          value = next < given.positional.count ? given.positional[next] : nil
          next += 1
        } else if let position = Int(field) {
          value = given.positional.indices.contains(position) ? given.positional[position] : nil
        } else {
          value = given.named.first { $0.name == field }?.value
        }
        guard let value else {
          throw Failure(.value, "format: no argument for '{\(Quoted.name(field))}'")
        }
        let printed = try renderer.printed(value)
        try renderer.charge(printed.count)
        out += printed.units
        i = end + 1
      } else {
        out.append(units[i])
        i += 1
      }
    }
    return try renderer.text(out)
  }

  static func printf(_ text: TemplateText, _ value: TemplateValue, _ renderer: TemplateRenderer) throws
    -> TemplateValue
  {
    var values = [value]
    if case .list(let list) = value, list.kind == .tuple { values = list.elements }
    var out: [UInt32] = []
    var (i, next) = (0, 0)
    while i < text.count {
      guard TemplateText.scalar(text.units[i]) == 37 else {
        out.append(text.units[i])
        i += 1
        continue
      }
      let letter = i + 1 < text.count ? TemplateText.scalar(text.units[i + 1]) : 0
      i += 2
      if letter == 37 {
        out.append(37)
        continue
      }
      if next == values.count { throw Failure(.value, "not enough arguments for format string") }
      let value = values[next]
      next += 1
      try renderer.measure(value)
      switch letter {
      case 115: out += try renderer.printed(value).units
      case 114: out += TemplateText(value.repr).units
      case 100, 105:
        guard let number = value.number, let whole = Int(exactly: number.rounded(.towardZero)) else {
          throw Failure(.value, "%d format: a real number is required, not \(value.typeName)")
        }
        out += TemplateText("\(value.whole ?? whole)").units
      default: throw Failure(.value, "a format other than %s, %r, %d and %% is not supported")
      }
    }
    if next < values.count { throw Failure(.value, "not all arguments converted during string formatting") }
    return try renderer.text(out)
  }
}
