/// Six steps of every optimizer, and schedules, against other libraries in double precision.
///
/// Tests/Golden/optim.json is made by `python3 scripts/golden/optim.py Tests/Golden/optim.json`; it names the
/// versions of PyTorch, lion-pytorch and transformers.
import Autograd
import Base
import Foundation
import Optim
import Tensors
import Testing

@Suite struct GoldenOptimTests {
  struct File: Decodable {
    let tools: [String: String]
    let shapes: [[Int]]
    let start: [[Double]]
    let gradients: [[[Double]]]
    let cases: [Case]
    let schedules: [Rates]
  }

  struct Case: Decodable {
    let rule: String
    let options: [String: Double]
    let after: [[[Double]]]
  }

  struct Rates: Decodable {
    let decay: String
    let steps: Int
    let warmup: Int
    let rates: [Double]
  }

  static let file: File? = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    guard let data = try? Data(contentsOf: folder.appendingPathComponent("Golden/optim.json")) else {
      return nil
    }
    return try? JSONDecoder().decode(File.self, from: data)
  }()

  private func rule(_ golden: Case) -> (any UpdateRule)? {
    let o = golden.options
    switch golden.rule {
    case "adamw":
      var rule = AdamW()
      rule.lr = o["lr"] ?? rule.lr
      rule.beta1 = o["beta1"] ?? rule.beta1
      rule.beta2 = o["beta2"] ?? rule.beta2
      rule.eps = o["eps"] ?? rule.eps
      rule.weightDecay = o["weight_decay"] ?? rule.weightDecay
      return rule
    case "sgd":
      var rule = SGD()
      rule.lr = o["lr"] ?? rule.lr
      rule.momentum = o["momentum"] ?? rule.momentum
      rule.nesterov = o["nesterov"] == 1
      rule.weightDecay = o["weight_decay"] ?? rule.weightDecay
      return rule
    case "lion":
      var rule = Lion()
      rule.lr = o["lr"] ?? rule.lr
      rule.beta1 = o["beta1"] ?? rule.beta1
      rule.beta2 = o["beta2"] ?? rule.beta2
      rule.weightDecay = o["weight_decay"] ?? rule.weightDecay
      return rule
    case "adafactor":
      var rule = Adafactor()
      rule.lr = o["lr"] ?? rule.lr
      rule.beta2Decay = o["beta2_decay"] ?? rule.beta2Decay
      rule.clip = o["clip"] ?? rule.clip
      rule.weightDecay = o["weight_decay"] ?? rule.weightDecay
      return rule
    default: return nil
    }
  }

  @Test(arguments: [DType.f64, .f32])
  func everyStepOfEveryOptimizerIsThatOfItsReference(_ dtype: DType) throws {
    let file = try #require(Self.file)
    let tolerance = dtype == .f64 ? 1e-12 : 2e-5
    for golden in file.cases {
      let weights = try zip(file.start, file.shapes).map {
        Variable(try Tensor($0, shape: Shape(known: $1)).cast(to: dtype), requiresGrad: true)
      }
      let optimizer = try Optimizer(weights, try #require(rule(golden)))
      #expect(optimizer.name == golden.rule)
      for (step, gradients) in file.gradients.enumerated() {
        for (weight, gradient) in zip(weights, gradients) {
          weight.grad = try Tensor(gradient, shape: weight.value.shape).cast(to: dtype)
        }
        try optimizer.update()
        for (i, (weight, expected)) in zip(weights, golden.after[step]).enumerated() {
          for (found, right) in zip(try weight.value.doubles(), expected) {
            #expect(
              abs(found - right) <= tolerance * max(1, abs(right)),
              "\(golden.rule) \(golden.options), step \(step + 1), parameter \(i + 1)")
          }
        }
      }
    }
  }

  /// transformers counts the steps of the rise from 0, so that its first step trains nothing; here they count
  /// from 1.
  @Test func schedulesFallAsInTransformersAndRiseFromTheFirstStep() throws {
    let file = try #require(Self.file)
    for golden in file.schedules {
      let decay = try #require(Schedule.Decay(rawValue: golden.decay))
      let schedule = try Schedule(lr: 1, steps: golden.steps, warmup: golden.warmup, decay: decay)
      for (i, rate) in golden.rates.enumerated() {
        let expected = i < golden.warmup ? Double(i + 1) / Double(golden.warmup) : rate
        #expect(
          abs(schedule.rate(at: i + 1) - expected) < 1e-12,
          "\(golden.decay) of \(golden.steps), step \(i + 1)")
      }
    }
  }
}
