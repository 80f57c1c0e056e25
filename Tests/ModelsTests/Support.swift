/// What the model tests share.
import Autograd
import Base
import Foundation
import Models
import Tensors

enum Support {
  /// A file of the shared test data, or nil where it is missing.
  static func data(_ path: String) -> String? {
    var folder = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { folder.deleteLastPathComponent() }
    let full = folder.deletingLastPathComponent().appendingPathComponent("shared/data/\(path)").path
    return FileManager.default.fileExists(atPath: full) ? full : nil
  }

  static func tinyGPT2(seed: UInt64 = 1) throws -> Transformer {
    try Transformer(.gpt2(vocab: 19, dim: 16, layers: 2, heads: 2, maxLength: 24), seed: seed)
  }

  static func tinyLlama(seed: UInt64 = 1) throws -> Transformer {
    var config = TransformerConfig.llama(vocab: 19, dim: 24, layers: 2, heads: 4, maxLength: 24)
    config.kvHeads = 2
    config.tied = false
    return try Transformer(config, seed: seed)
  }

  static func sharpened(_ model: Transformer, _ factor: Float) -> Transformer {
    // Initial weights are so small that every distribution is nearly uniform; larger ones make tests sharper.
    for (name, parameter) in model.parameters where !name.hasSuffix("norm.weight") {
      let p = parameter.value.pointer(Float.self)
      for i in 0..<parameter.value.elementCount { p[i] *= factor }
    }
    return model
  }

  static func sequences(_ lengths: [Int], vocabulary: Int, seed: UInt64 = 5) -> [[Int]] {
    var random = Philox(seed: seed, stream: "sequences")
    return lengths.map { (0..<$0).map { _ in random.below(vocabulary) } }
  }

  static func logps(_ model: Transformer, _ sequences: [[Int]], from: [Int]) throws -> [Float] {
    try Tape.withoutRecording {
      try model.tokenLogps(TokenRows(sequences, from: from)).value.elements(Float.self)
    }
  }
}
