/// The tests of templates: `value is NAME`.
import Base

enum TemplateTests {
  static let names: Set<String> = [
    "boolean", "callable", "defined", "divisibleby", "eq", "equalto", "escaped", "even", "false", "filter",
    "float", "ge", "gt", "greaterthan", "in", "integer", "iterable", "le", "lessthan", "lower", "lt",
    "mapping",
    "ne", "none", "number", "odd", "sameas", "sequence", "string", "test", "true", "undefined", "upper",
  ]

  /// Tests that compare: their sign.
  static let signs = [
    "eq": "==", "equalto": "==", "ne": "!=", "lt": "<", "lessthan": "<", "le": "<=", "gt": ">",
    "greaterthan": ">", "ge": ">=", "in": "in",
  ]
}

extension TemplateRenderer {
  func test(_ name: String, _ value: TemplateValue, _ given: CallArguments) throws -> Bool {
    func argument() throws -> TemplateValue {
      guard let first = given.positional.first else {
        throw Failure(.value, "the test '\(name)' takes an argument")
      }
      return first
    }
    if let sign = TemplateTests.signs[name] { return try holds(value, sign, argument()) }
    switch name {
    case "defined": return !value.isUndefined
    case "undefined": return value.isUndefined
    case "none":
      if case .none = value { return true }
      return false
    case "boolean", "true", "false":
      guard case .bool(let flag) = value else { return false }
      return name == "boolean" || flag == (name == "true")
    case "integer":
      if case .int = value { return true }
      return false
    case "float":
      if case .float = value { return true }
      return false
    case "number": return value.number != nil
    case "string": return value.asText != nil
    case "mapping":
      if case .dict = value { return true }
      return false
    case "iterable", "sequence":
      switch value {
      case .undefined, .text, .dict: return true
      case .list(let list): return name == "iterable" || list.kind != .generator
      case .loop: return name == "iterable"
      default: return false
      }
    case "callable":
      switch value {
      case .function, .macro, .method, .joiner: return true
      case .undefined, .loop: return true
      default: return false
      }
    case "odd", "even", "divisibleby":
      let by = name == "divisibleby" ? try argument() : .int(2)
      let rest = try arithmetic(value, "%", by)
      guard let number = rest.number else { return false }
      return name == "odd" ? number == 1 : number == 0
    case "sameas": return try isSame(value, argument())
    case "lower", "upper":
      let text = try printed(value)
      let method = TemplateMethod(receiver: .text(text), name: name == "lower" ? "islower" : "isupper")
      return try call(method, CallArguments()).isTrue
    case "escaped": return value.asText?.isMarkup ?? false
    case "filter": return TemplateFilters.names.contains(try printed(value).string)
    case "test": return TemplateTests.names.contains(try printed(value).string)
    default: throw Failure(.value, "No test named '\(Quoted.name(name))'.")
    }
  }

  /// Identity, of values that have one in Python whatever the implementation.
  private func isSame(_ a: TemplateValue, _ b: TemplateValue) throws -> Bool {
    switch (a, b) {
    case (.none, .none): return true
    case (.bool(let x), .bool(let y)): return x == y
    case (.int(let x), .int(let y)): return x == y
    case (.text, .text): return try holds(a, "==", b)
    case (.namespace(let x), .namespace(let y)): return x == y
    default: return false
    }
  }
}
