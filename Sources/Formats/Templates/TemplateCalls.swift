/// Calls in templates: macros, methods, and the functions that every template has.
import Base

/// The time that `strftime_now` tells: seconds since 1970, in the time zone of the machine; nil for now.
public struct TemplateClock: Sendable {
  let seconds: Int?

  public init(seconds: Int? = nil) { self.seconds = seconds }

  func formatted(_ format: String) throws -> String {
    var moment = time_t(seconds ?? 0)
    if seconds == nil { time(&moment) }
    var parts = tm()
    if localtime_r(&moment, &parts) == nil { throw Failure(.value, "the time is out of range") }
    if format.isEmpty { return "" }
    if format.utf8.count > 1000 || format.utf8.contains(0) {
      throw Failure(.value, "strftime_now takes a format of at most 1000 bytes")
    }
    var buffer = [CChar](repeating: 0, count: 64_000)
    let count = strftime(&buffer, buffer.count, format, &parts)
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension TemplateRenderer {
  func call(_ callee: TemplateValue, _ given: CallArguments) throws -> TemplateValue {
    try step()
    try callee.requireDefined()
    switch callee {
    case .macro(let number): return try call(number, given)
    case .method(let method): return try call(method, given)
    case .function(let function): return try call(function, given)
    case .joiner(let number):
      defer { cells[number].asked = 1 }
      return cells[number].asked == 0 ? .string("") : cells[number].items[0]
    case .loop(let number): return try recurse(number, given)
    default: throw Failure(.value, "'\(callee.typeName)' object is not callable")
    }
  }

  private func recurse(_ number: Int, _ given: CallArguments) throws -> TemplateValue {
    let loop = loops[number]
    if !loop.syntax.isRecursive {
      throw Failure(
        .value, "The loop must have the 'recursive' marker to be called recursively.")
    }
    if !loop.isRunning { throw Failure(.value, "a loop that has ended is not called") }
    guard let list = given.positional.first else { throw Failure(.value, "loop() takes what to go over") }
    let outer = output
    output = []
    defer { output = outer }
    try nested { try run(loop.syntax, under: loop.scope, depth: loop.depth + 1, over: list) }
    return .text(TemplateText(output))
  }

  private func call(_ function: TemplateFunction, _ given: CallArguments) throws -> TemplateValue {
    switch function {
    case .range: return try range(given)
    case .dict: return .dict(try dictionary(given))
    case .namespace:
      var fields: [String: TemplateValue] = [:]
      for (key, value) in try dictionary(given).pairs {
        let name = try printed(key).string
        try checkAttribute(name)
        fields[name] = value
      }
      try charge(128)
      namespaces.append(fields)
      return .namespace(namespaces.count - 1)
    case .cycler:
      if given.positional.isEmpty { throw Failure(.value, "at least one item has to be provided") }
      return .cycler(try cell(given.positional))
    case .joiner:
      let separator = try given.bound(to: ["sep"], of: "joiner")[0] ?? .string(", ")
      return .joiner(try cell([separator]))
    case .raiseException:
      let message = try given.bound(to: ["message"], of: "raise_exception")[0] ?? .none
      throw Failure(.value, try printed(message).string)
    case .strftimeNow:
      guard let format = try given.bound(to: ["format"], of: "strftime_now")[0]?.asText else {
        throw Failure(.value, "strftime_now() takes a format")
      }
      return .string(try clock.formatted(format.string))
    }
  }

  private func cell(_ items: [TemplateValue]) throws -> Int {
    try charge(64 + items.count)
    cells.append(Cell(items: items))
    return cells.count - 1
  }

  private func dictionary(_ given: CallArguments) throws -> TemplateDict {
    var pairs: [(TemplateValue, TemplateValue)] = []
    if given.positional.count > 1 {
      throw Failure(.value, "dict expected at most 1 argument, got \(given.positional.count)")
    }
    switch given.positional.first {
    case nil: break
    case .dict(let dict)?: pairs = Array(dict.pairs)
    case let list?:
      for item in try elements(of: list) {
        let parts = try elements(of: item)
        if parts.count != 2 { throw Failure(.value, "dictionary update sequence element is not a pair") }
        pairs.append((parts[0], parts[1]))
      }
    }
    for (name, value) in given.named { pairs.append((.string(name), value)) }
    for pair in pairs { try measure(pair.0) }
    return try TemplateDict(pairs)
  }

  private func range(_ given: CallArguments) throws -> TemplateValue {
    let bounds = try given.positional.map { value in
      try value.requireDefined()
      guard let whole = value.whole else {
        throw Failure(.value, "'\(value.typeName)' object cannot be interpreted as an integer")
      }
      return whole
    }
    if bounds.isEmpty || bounds.count > 3 || !given.named.isEmpty {
      throw Failure(.value, "range expected 1 to 3 arguments, got \(bounds.count)")
    }
    let (from, to) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
    let by = bounds.count == 3 ? bounds[2] : 1
    if by == 0 { throw Failure(.value, "range() arg 3 must not be zero") }
    if by > 0 ? from >= to : from <= to { return try .list([]) }
    let distance = UInt(bitPattern: by > 0 ? to &- from : from &- to)
    let count = (distance - 1) / by.magnitude + 1
    if count > 100_000 {
      throw Failure(.value, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).")
    }
    try charge(8 * Int(count))
    return try .list((0..<Int(count)).map { .int(from &+ $0 &* by) })
  }
}
