/// The post-processors of a tokenizer.json: control tokens around the ids of a text.
import Base

enum PostProcessor: Sendable {
  case around(before: [Int], after: [Int])
  /// Only offsets change, which are not kept here.
  case unchanged
  case sequence([PostProcessor])

  init(_ part: Part) throws {
    switch try part.type() {
    case "Sequence": self = .sequence(try part.list("processors").map { try PostProcessor($0) })
    case "ByteLevel": self = .unchanged
    case "RobertaProcessing", "BertProcessing":
      self = .around(before: [try Self.pair(part, "cls")], after: [try Self.pair(part, "sep")])
    case "TemplateProcessing": self = try Self.template(part)
    default: throw try part.unsupported("post-processor")
    }
  }

  /// The id of `["[SEP]", 102]`.
  private static func pair(_ part: Part, _ key: String) throws -> Int {
    guard let pair = try part.key(key).value.elements, pair.count == 2, pair[0].text != nil,
      case .integer(let id) = pair[1], id >= 0, id < Limits.vocabularyMax
    else { throw try part.key(key).expected("a token and its id") }
    return id
  }

  private static func template(_ part: Part) throws -> PostProcessor {
    let tokens = try part.key("special_tokens")
    var before: [Int] = []
    var after: [Int] = []
    var isAfter = false
    for piece in try part.list("single") {
      if piece.value["Sequence"] != nil {
        let sequence = try piece.key("Sequence")
        if try sequence.text("id") != "A" || isAfter {
          throw sequence.failure("expected the sequence 'A', once")
        }
        isAfter = true
        continue
      }
      let name = try piece.key("SpecialToken").text("id")
      let ids = try tokens.key(name).key("ids")
      guard let list = ids.value.elements else { throw ids.expected("a list") }
      for element in list {
        guard case .integer(let id) = element, id >= 0, id < Limits.vocabularyMax else {
          throw ids.failure("expected token ids")
        }
        if isAfter { after.append(id) } else { before.append(id) }
      }
    }
    if !isAfter { throw part.failure("the template 'single' has no sequence") }
    return .around(before: before, after: after)
  }

  /// The ids that it adds.
  var ids: [Int] {
    switch self {
    case .around(let before, let after): return before + after
    case .unchanged: return []
    case .sequence(let parts): return parts.flatMap(\.ids)
    }
  }

  func apply(to ids: [Int]) -> [Int] {
    switch self {
    case .around(let before, let after): return before + ids + after
    case .unchanged: return ids
    case .sequence(let parts): return parts.reduce(ids) { $1.apply(to: $0) }
    }
  }
}
