/// What the prompt's editor asks: whether an entry is complete, what a pasted text is, what completes a word.
import Base
import LuaEngine
import Session

extension Prompt {
  var owner: PromptEditor.Owner {
    PromptEditor.Owner(
      isComplete: { [weak self] text in
        guard let self else { return true }
        return evaluator.isComplete(withoutPrompts(text))
      },
      pasted: { [weak self] text in self?.withoutPrompts(text) ?? text },
      candidates: { [weak self] text in self?.candidates(text) ?? (text.count, []) })
  }

  /// An entry without the prompts that its lines were copied with.
  func withoutPrompts(_ text: [UInt8]) -> [UInt8] {
    PromptPaste.cleaned(text) { [evaluator] entry in evaluator.isComplete(entry) }
  }

  func candidates(_ text: [UInt8]) -> (start: Int, list: [PromptEditor.Candidate]) {
    let found = evaluator.completion(of: text)
    return (
      found.start,
      found.candidates.map {
        PromptEditor.Candidate(text: $0.text, label: $0.label, detail: $0.meaning, closing: found.closing)
      }
    )
  }
}
