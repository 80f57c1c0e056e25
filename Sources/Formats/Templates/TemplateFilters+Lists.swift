/// The filters of templates that go through lists.
import Base

extension TemplateRenderer {
  func listFilter(_ name: String, _ value: TemplateValue, _ given: CallArguments) throws -> TemplateValue {
    func arguments(_ parameters: String...) throws -> [TemplateValue?] {
      try given.bound(to: parameters, of: name)
    }
    switch name {
    case "length", "count": return .int(try length(of: value))
    case "first": return try elements(of: value).first ?? .undefined("No first item, sequence was empty.")
    case "last":
      try refuseGenerator(value)
      return try elements(of: value).last ?? .undefined("No last item, sequence was empty.")
    case "list": return try .list(elements(of: value))
    case "reverse":
      if case .text(let text) = value { return .text(TemplateText(text.units.reversed() as [UInt32])) }
      return .list(try TemplateList(elements(of: value).reversed(), .generator))
    case "join":
      let values = try arguments("d", "attribute")
      let parts = try mapped(value, values[1]).map { try printed($0) }
      return try joined(parts, values[0].map { try printed($0) } ?? TemplateText([]))
    case "items":
      if value.isUndefined { return .list(try TemplateList([], .generator)) }
      guard case .dict(let dict) = value else {
        throw Failure(.value, "Can only get item pairs from a mapping.")
      }
      try charge(dict.keys.count)
      return .list(try TemplateList(dict.pairs.map { try .tuple([$0, $1]) }, .generator))
    case "map": return try map(value, given)
    case "select", "reject", "selectattr", "rejectattr": return try select(name, value, given)
    case "sort":
      let values = try arguments("reverse", "case_sensitive", "attribute")
      return try .list(
        sorted(
          elements(of: value), by: values[2], isCaseSensitive: values[1], isReversed: values[0],
          keysAreList: true))
    case "unique": return try unique(value, arguments("case_sensitive", "attribute"))
    case "min", "max":
      let values = try arguments("case_sensitive", "attribute")
      let list = try sorted(elements(of: value), by: values[1], isCaseSensitive: values[0], isReversed: nil)
      if name == "min" { return list.first ?? .undefined("No aggregated item, sequence was empty.") }
      guard let last = list.last else { return .undefined("No aggregated item, sequence was empty.") }
      // Of equal items the first is the greatest.
      let key = try self.key(last, values[1], values[0])
      return try list.first { try self.key($0, values[1], values[0]).equals(key) } ?? last
    case "sum":
      let values = try arguments("attribute", "start")
      return try mapped(value, values[0]).reduce(values[1] ?? .int(0)) { try arithmetic($0, "+", $1) }
    case "dictsort": return try dictSorted(value, arguments("case_sensitive", "by", "reverse"))
    case "groupby": return try grouped(value, arguments("attribute", "default", "case_sensitive"))
    default: return try chunks(name, value, given)
    }
  }

  private func refuseGenerator(_ value: TemplateValue) throws {
    if case .list(let list) = value, list.kind == .generator {
      throw Failure(.value, "'generator' object is not reversible")
    }
  }

  private func length(of value: TemplateValue) throws -> Int {
    switch value {
    case .undefined: return 0
    case .text(let text): return text.count
    case .dict(let dict): return dict.keys.count
    case .list(let list) where list.kind != .generator: return list.elements.count
    case .loop(let number): return loops[number].items.count
    default: throw Failure(.value, "object of type '\(value.typeName)' has no len()")
    }
  }

  /// What `attribute` names of a value: parts with dots between them, whole numbers are positions.
  private func part(_ value: TemplateValue, _ attribute: TemplateValue, or standard: TemplateValue? = nil)
    throws
    -> TemplateValue
  {
    func defined(_ found: TemplateValue) -> TemplateValue { found.isUndefined ? standard ?? found : found }
    if attribute.whole != nil { return defined(try item(value, attribute)) }
    var found = value
    for word in try printed(attribute).split(TemplateText("."), limit: 64) {
      let position =
        word.units.allSatisfy { (48...57).contains(TemplateText.scalar($0)) } ? Int(word.string) : nil
      found = defined(try item(found, position.map(TemplateValue.int) ?? .text(word)))
    }
    return found
  }

  private func mapped(_ value: TemplateValue, _ attribute: TemplateValue?) throws -> [TemplateValue] {
    let list = try elements(of: value)
    guard let attribute else { return list }
    if case .none = attribute { return list }
    return try list.map {
      try step()
      return try part($0, attribute)
    }
  }

  private func map(_ value: TemplateValue, _ given: CallArguments) throws -> TemplateValue {
    if !value.isTrue { return .list(try TemplateList([], .generator)) }
    var given = given
    let list = try elements(of: value)
    if given.positional.isEmpty, let place = given.named.firstIndex(where: { $0.name == "attribute" }) {
      let attribute = given.named.remove(at: place).value
      let standard = given.named.first { $0.name == "default" }?.value
      if let other = given.named.first(where: { $0.name != "default" }) {
        throw Failure(.value, "Unexpected keyword argument '\(other.name)'")
      }
      return .list(
        try TemplateList(
          list.map {
            try step()
            return try part($0, attribute, or: standard)
          }, .generator))
    }
    guard let name = given.positional.first else { throw Failure(.value, "map requires a filter argument") }
    given.positional.removeFirst()
    let filter = try printed(name).string
    return .list(
      try TemplateList(
        nested {
          try list.map {
            try step()
            return try self.filter(filter, $0, given)
          }
        }, .generator))
  }

  private func select(_ name: String, _ value: TemplateValue, _ given: CallArguments) throws -> TemplateValue
  {
    if !value.isTrue { return .list(try TemplateList([], .generator)) }
    var given = given
    let wanted = name.hasPrefix("select")
    var attribute: TemplateValue?
    if name.hasSuffix("attr") {
      guard let first = given.positional.first else {
        throw Failure(.value, "Missing parameter for attribute name")
      }
      attribute = first
      given.positional.removeFirst()
    }
    var test: String?
    if let first = given.positional.first {
      test = try printed(first).string
      given.positional.removeFirst()
    }
    let kept = try elements(of: value).filter { item in
      try step()
      let tested = try attribute.map { try part(item, $0) } ?? item
      return try (test.map { try self.test($0, tested, given) } ?? tested.isTrue) == wanted
    }
    return .list(try TemplateList(kept, .generator))
  }

  // MARK: Order

  private func key(_ value: TemplateValue, _ attribute: TemplateValue?, _ isCaseSensitive: TemplateValue?)
    throws
    -> TemplateValue
  {
    var attribute = attribute
    if case .none? = attribute { attribute = nil }
    let found = try attribute.map { try part(value, $0) } ?? value
    if case .text(let text) = found, !(isCaseSensitive?.isTrue ?? false) { return .text(text.lowercased()) }
    return found
  }

  private func sorted(
    _ list: [TemplateValue], by attribute: TemplateValue?, isCaseSensitive: TemplateValue?,
    isReversed: TemplateValue?, keysAreList: Bool = false
  ) throws -> [TemplateValue] {
    let several: [TemplateValue?]
    if let text = attribute?.asText, text.find(TemplateText(",")) != nil {
      several = text.split(TemplateText(","), limit: 16).map(TemplateValue.text)
    } else {
      several = [attribute]
    }
    let keyed = try list.map { item in
      (
        item,
        try several.map { attribute in
          let key = try self.key(item, attribute, isCaseSensitive)
          for _ in 0..<4 { try measure(key) }
          return key
        }
      )
    }
    func precedes(_ a: [TemplateValue], _ b: [TemplateValue]) throws -> Bool {
      for (x, y) in zip(a, b) {
        // Several keys are a list, whose equal parts are passed over; one key is compared as it is.
        if keysAreList, try x.equals(y) { continue }
        return try x.precedes(y)
      }
      return false
    }
    let reversed = isReversed?.isTrue ?? false
    return try keyed.sorted { try reversed ? precedes($1.1, $0.1) : precedes($0.1, $1.1) }.map(\.0)
  }

  private func unique(_ value: TemplateValue, _ values: [TemplateValue?]) throws -> TemplateValue {
    var seen: Set<String> = []
    let kept = try elements(of: value).filter { item in
      let key = try self.key(item, values[1], values[0])
      try measure(key)
      return seen.insert(try key.dictionaryKey()).inserted
    }
    return .list(try TemplateList(kept, .generator))
  }

  private func dictSorted(_ value: TemplateValue, _ values: [TemplateValue?]) throws -> TemplateValue {
    guard case .dict(let dict) = value else {
      try value.requireDefined()
      throw Failure(.value, "'\(value.typeName)' object has no attribute 'items'")
    }
    let place: Int
    switch values[1]?.asText?.string ?? "key" {
    case "key": place = 0
    case "value": place = 1
    default: throw Failure(.value, "You can only sort by either \"key\" or \"value\"")
    }
    return try .list(
      sorted(
        dict.pairs.map { try .tuple([$0, $1]) }, by: .int(place), isCaseSensitive: values[0],
        isReversed: values[2]))
  }

  private func grouped(_ value: TemplateValue, _ values: [TemplateValue?]) throws -> TemplateValue {
    guard let attribute = values[0] else { throw Failure(.value, "groupby takes an attribute") }
    let keyed = try elements(of: value).map { item -> (TemplateValue, TemplateValue) in
      (try part(item, attribute, or: values[1]), item)
    }
    let pairs = try sorted(
      keyed.map { try .tuple([$0, $1]) }, by: .int(0), isCaseSensitive: values[2], isReversed: nil)
    var groups: [(key: TemplateValue, shown: TemplateValue, items: [TemplateValue])] = []
    for case .list(let pair) in pairs {
      let key = try self.key(pair.elements[0], nil, values[2])
      if let last = groups.last, try last.key.equals(key) {
        groups[groups.count - 1].items.append(pair.elements[1])
      } else {
        groups.append((key, pair.elements[0], [pair.elements[1]]))
      }
    }
    return try .list(groups.map { try .tuple([$0.shown, .list($0.items)]) })
  }

  // MARK: Parts

  /// `batch` and `slice`.
  private func chunks(_ name: String, _ value: TemplateValue, _ given: CallArguments) throws -> TemplateValue
  {
    let values = try given.bound(
      to: name == "batch" ? ["linecount", "fill_with"] : ["slices", "fill_with"], of: name)
    let list = try elements(of: value)
    guard let count = values[0]?.whole, count > 0 else {
      throw Failure(.value, "\(name) takes a number above 0")
    }
    try charge(count)
    let fill = values[1]
    var parts: [TemplateValue] = []
    if name == "batch" {
      var from = 0
      while from < list.count {
        let to = count < list.count - from ? from + count : list.count
        var part = Array(list[from..<to])
        if let fill { part += [TemplateValue](repeating: fill, count: count - part.count) }
        parts.append(try .list(part))
        from = to
      }
    } else {
      let (each, more) = (list.count / count, list.count % count)
      var from = 0
      for i in 0..<count {
        let to = from + each + (i < more ? 1 : 0)
        var part = Array(list[from..<to])
        if let fill, i >= more { part.append(fill) }
        parts.append(try .list(part))
        from = to
      }
    }
    return .list(try TemplateList(parts, .generator))
  }
}
