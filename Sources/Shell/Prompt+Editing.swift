/// What the prompt's editor asks: whether an entry is complete, what a pasted text is, what completes a word.
import Base
import LuaEngine
import Session

extension Prompt {
  var owner: PromptEditor.Owner {
    PromptEditor.Owner(
      isComplete: { [weak self] text, _ in self?.evaluator.isComplete(text) ?? true },
      pasted: { [weak self] text in
        PromptPaste.cleaned(text) { entry in self?.evaluator.isComplete(entry) ?? true }
      },
      candidates: { [weak self] text in self?.candidates(text) ?? (text.count, []) })
  }

  func candidates(_ text: [UInt8]) -> (start: Int, list: [PromptEditor.Candidate]) {
    let start = (text.lastIndex { !LuaTokens.isNamePart($0) && $0 != 46 && $0 != 58 } ?? -1) + 1
    let words = evaluator.completions(
      of: String(decoding: text[start...], as: UTF8.self),
      before: String(decoding: text[..<start], as: UTF8.self))
    return (start, words.map { PromptEditor.Candidate(text: $0, label: $0) })
  }
}
