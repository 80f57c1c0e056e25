/// Each fault that a reader of folders can have, switched on: the folder made for it must notice.
import Base
import Formats
import Tensors
import Testing

@testable import Models
@testable import Weights

@Suite struct FolderMutationTests {
  /// A fault by its name, the folders that must notice it, and what it changes.
  struct Fault: Sendable, CustomTestStringConvertible {
    let name: String
    let folders: [String]
    let change: @Sendable (inout FolderModel) -> Void

    var testDescription: String { name }

    init(_ name: String, _ folders: [String], _ change: @escaping @Sendable (inout FolderModel) -> Void) {
      (self.name, self.folders, self.change) = (name, folders, change)
    }
  }

  private static let rotary = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3"].flatMap {
    [$0 + "-a", $0 + "-b"]
  }

  /// A layout with the sources of one role changed.
  private static func layout(
    _ model: inout FolderModel, _ change: (WeightSource) -> WeightSource
  ) {
    let old = model.layout
    var new = WeightLayout(
      name: old.name, embedding: old.embedding, positions: old.positions,
      layer: old.layer.map { $0.map(change) }, norm: old.norm.map(change), head: old.head)
    (new.encoder, new.relativeBias) = (old.encoder, old.relativeBias)
    (new.prefixes, new.ignored, new.ignoredParts) = (old.prefixes, old.ignored, old.ignoredParts)
    model.layout = new
  }

  private static func plain(_ ending: String) -> @Sendable (inout FolderModel) -> Void {
    { model in
      layout(&model) { $0.name.hasSuffix(ending) ? .init($0.name, lacksOne: $0.lacksOne) : $0 }
    }
  }

  static let faults = [
    Fault("queries are not permuted", rotary, plain("q_proj")),
    Fault("keys are not permuted", rotary, plain("k_proj")),
    Fault(
      "norms of heads are not permuted", ["qwen3-a", "qwen3-b", "gemma3-a", "gemma3-b"], plain("q_norm")),
    Fault("Conv1D is not transposed", ["gpt2-a", "gpt2-b"], plain("attn.c_proj")),
    Fault("Gemma's norms lack their 1", ["gemma2-a", "gemma2-b", "gemma3-a", "gemma3-b"]) { model in
      layout(&model) { .init($0.name, $0.arrangement) }
    },
    Fault("eps of a layer norm", ["gpt2-a", "gpt2-b"]) { $0.config.normEpsilon = 1e-5 },
    Fault("eps of an RMS norm", ["llama-a", "mistral-a", "qwen2-b", "qwen3-a", "gemma2-b", "gemma3-a"]) {
      $0.config.normEpsilon = 1e-6
    },
    Fault("the default eps is 1e-5", ["llama-b"]) { $0.config.normEpsilon = 1e-5 },
    Fault("scores are scaled though the settings say no", ["gpt2-b"]) { $0.config.attentionScale = 0 },
    Fault("the scale of scores is that of the head", ["gemma2-a", "gemma2-b", "gemma3-a", "gemma3-b"]) {
      $0.config.attentionScale = 0
    },
    Fault("embeddings are not scaled", ["gemma2-a", "gemma2-b", "gemma3-a", "gemma3-b"]) {
      $0.config.embeddingScale = 1
    },
    Fault("scores have no bound", ["gemma2-a"]) { $0.config.attentionSoftcap = 0 },
    Fault("scores have Gemma 2's bound though the settings say none", ["gemma2-b"]) {
      $0.config.attentionSoftcap = 2
    },
    Fault("logits have no bound", ["gemma2-a", "gemma2-b"]) { $0.config.logitSoftcap = 0 },
    Fault("no window", ["mistral-b", "qwen2-b", "qwen3-b", "gemma2-a", "gemma2-b", "gemma3-a", "gemma3-b"]) {
      ($0.config.layerPattern, $0.config.slidingWindow) = ("f", 0)
    },
    Fault("the window is one token longer", ["mistral-b", "qwen2-b", "qwen3-b", "gemma2-a", "gemma3-b"]) {
      $0.config.slidingWindow += 1
    },
    Fault("the other layers slide", ["qwen2-b", "qwen3-b", "gemma2-a", "gemma2-b", "gemma3-a", "gemma3-b"]) {
      $0.config.layerPattern = String($0.config.layerPattern.map { $0 == "s" ? Character("f") : "s" })
    },
    Fault("frequencies are not stretched", ["llama-a", "llama-b", "mistral-a", "qwen3-a", "gemma3-a"]) {
      $0.config.ropeKind = .plain
    },
    Fault("llama3's bands are linear", ["llama-a"]) { $0.config.ropeKind = .linear },
    Fault("the original length is max_length", ["llama-a", "mistral-a", "qwen3-a"]) {
      $0.config.ropeOriginalLength = 0
    },
    Fault("YaRN's magnitude is forgotten", ["mistral-a", "qwen3-a"]) { $0.config.ropeAttentionFactor = 1 },
    Fault("YaRN's magnitude is its own", ["qwen3-a"]) { $0.config.ropeAttentionFactor = 0 },
    Fault("beta_fast is its default", ["mistral-a", "qwen3-a"]) { $0.config.ropeBetaFast = 32 },
    Fault("beta_slow is half of it", ["mistral-a", "qwen3-a"]) { $0.config.ropeBetaSlow /= 2 },
    Fault("the base is its default", rotary) { $0.config.ropeBase = 10_000 },
    Fault("sliding layers have the base of the others", ["gemma3-a", "gemma3-b"]) {
      $0.config.ropeLocalBase = 0
    },
    Fault("the head is the embedding whatever the tensors are", ["qwen2-b", "llama-a", "mistral-b"]) {
      ($0.config.tied, $0.repeated) = (true, $0.layout.head)
    },
    Fault("SiLU for GELU", ["gemma2-a", "gemma3-a", "t5-b"]) { $0.config.activation = .swiglu },
    Fault("T5's scores are scaled", ["t5-a", "t5-b"]) { $0.config.attentionScale = 0 },
    Fault("the states of T5 1.0 are not scaled", ["t5-a"]) { $0.config.outputScale = 1 },
    Fault("the states of T5 1.1 are scaled", ["t5-b"]) { $0.config.outputScale = 1 / 14.0.squareRoot() },
    Fault("eps of T5's norms", ["t5-a", "t5-b"]) { $0.config.normEpsilon = 1e-5 },
    Fault("far keys share a bucket sooner", ["t5-a"]) { $0.config.relativeDistance = 64 },
    Fault("the distance of buckets is its default", ["t5-b"]) { $0.config.relativeDistance = 128 },
    Fault("a response begins after pad", ["t5-a", "t5-b"]) {
      $0.config.startToken = $0.config.padTokenId
    },
    Fault("the head of T5 1.1 is the embedding", ["t5-b"]) {
      $0.config.tied = true
      $0.repeated += $0.layout.head
    },
    Fault("the encoder has the decoder's biases", ["t5-a", "t5-b"]) {
      guard let encoder = $0.layout.encoder, let own = $0.layout.relativeBias else { return }
      $0.layout.encoder = EncoderWeights(relativeBias: own, layers: encoder.layers, norm: encoder.norm)
      $0.repeated += encoder.relativeBias
    },
    Fault("the decoder has the encoder's biases", ["t5-a", "t5-b"]) {
      $0.repeated += $0.layout.relativeBias ?? []
      $0.layout.relativeBias = $0.layout.encoder?.relativeBias
    },
    Fault("gate and value of T5 are swapped", ["t5-b"]) { model in
      layout(&model) { source in
        let swapped = source.name.hasSuffix("wi_0") ? "wi_1" : "wi_0"
        return source.name.contains(".wi_") ? .init(source.name.dropLast(4) + swapped) : source
      }
    },
    Fault("keys and values of the prompt are swapped", ["t5-a", "t5-b"]) { model in
      layout(&model) { source in
        let swapped = source.name.hasSuffix(".k") ? "v" : "k"
        let isMemory = source.name.contains("EncDecAttention.") && !"qo".contains(source.name.suffix(1))
        return isMemory ? .init(source.name.dropLast() + swapped) : source
      }
    },
  ]

  @Test(arguments: faults)
  func aFaultIsNoticed(_ fault: Fault) throws {
    for name in fault.folders {
      let fixture = try FolderFixture(name)
      var folder = try FolderModel(path: fixture.path)
      #expect(try fixture.logitError(try folder.model()) <= FolderTests.tolerance, "\(name)")
      fault.change(&folder)
      #expect(try fixture.logitError(try folder.model()) > 10 * FolderTests.tolerance, "\(name)")
    }
  }
}
