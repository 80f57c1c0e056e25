/// An entry that is no chunk of Lua as a whole, because its lines were typed one by one: a copied session whose
/// expressions stand among its statements.
import LuaEngine

extension Evaluator {
  /// What an entry may cost: the bytes that are compiled to find its inputs.
  private static let bytesMax = 20_000_000

  /// The inputs that the lines make if each is complete as early as it can be; nil if the last is not complete, or
  /// one is wrong. `line` is the number of lines before the text in its entry.
  func inputsByLine(_ text: [UInt8], line: Int) -> [Part]? {
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.count > 1 else { return nil }
    var parts: [Part] = []
    var pending: [UInt8] = []
    var start = line, compiled = 0
    for (i, next) in lines.enumerated() {
      if pending.isEmpty { start = line + i }
      pending += next
      compiled += pending.count
      if compiled > Self.bytesMax { return nil }
      if pending.allSatisfy({ [9, 10, 13, 32].contains($0) }) {
        pending = []
        continue
      }
      do {
        parts.append(.input(try compile(pending, showsExpressions: true, line: start)))
        pending = []
      } catch let error as LuaError where error.isIncomplete {
        pending.append(UInt8(ascii: "\n"))
      } catch { return nil }
    }
    return pending.isEmpty ? parts : nil
  }
}
