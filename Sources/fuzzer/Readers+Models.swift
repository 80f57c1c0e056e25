/// The readers of tensors, models and tokenizers, called as the functions of Lua call them.
import Base
import Formats
import Models
import Tensors
import Weights

/// `T.load`: each element is looked at.
func readTensors(_ file: InputFile) throws {
  let source = try ByteSource(path: file.path)
  if try NumPyFile.isArray(source) { return look(try NumPyFile.array(source)) }
  let tensors =
    try NumPyFile.isArchive(source) ? NumPyFile.archive(source) : Safetensors.read(from: source).tensors
  for (_, tensor) in tensors { look(tensor) }
}

private func look(_ tensor: Tensor) {
  _ = require(orFault: "a tensor cannot be looked at") { try tensor.doubles() }
}

/// `models.load` and `model:hash`.
func readModel(_ file: InputFile) throws {
  let model = try Transformer.load(path: file.path)
  _ = require(orFault: "a model has no hash") { try model.weightsHash() }
}

private let text = Array("The cat's naïve 42 \u{4F60}\u{597D} \u{1F600}\n\n  end".utf8) + [0xFF, 0]

/// `tokenizer.load`, `tok:encode` and `tok:decode`.
func readTokenizer(_ file: InputFile) throws {
  let (tokenizer, gguf) = try TokenizerPipeline.open(file.path)
  if let gguf { _ = try ChatTemplates(gguf: gguf, tokenizer: tokenizer) }
  let named = EncodeOptions(addSpecialTokens: true, splitSpecialTokens: false)
  for ids in [try tokenizer.encode(bytes: text), try tokenizer.encode(bytes: text, named)] {
    _ = require(orFault: "ids of a text cannot be decoded") {
      try tokenizer.decodeBytes(ids, skipSpecialTokens: false)
    }
  }
}
