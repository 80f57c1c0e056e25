/// Checks that every operation of the catalogue passes, from its own samples and refusals.
import Autograd
import Base
import Tensors
import Testing

extension AutogradTests {
  @Suite struct CatalogueTests {
    private static let seed: UInt64 = 20_240_501

    private func samples(_ op: Op) throws -> [Op.Sample] {
      var random = Samples(seed: Self.seed)
      return try op.samples(&random)
    }

    @Test func namesAreUniqueAndDescriptionsComplete() {
      var seen: Set<String> = []
      for op in Op.catalogue {
        #expect(seen.insert(op.name).inserted, "\(op.name) appears twice")
        #expect(
          op.summary.hasSuffix(".") && !op.formula.isEmpty && !op.shapes.isEmpty,
          "\(op.name) is not described")
        #expect(op.example.lua.contains("print(") && !op.example.prints.isEmpty, "\(op.name) has no example")
        #expect(
          op.parameters.allSatisfy { !$0.meaning.isEmpty }, "\(op.name) has a parameter without meaning")
      }
    }

    @Test func everyOperationHasSamplesThatFitItsParameters() throws {
      for op in Op.catalogue {
        let samples = try samples(op)
        #expect(!samples.isEmpty, "\(op.name) has no sample")
        let takesList = op.parameters.contains { if case .tensors = $0.kind { true } else { false } }
        let tensors = op.parameters.filter(\.isTensor).count
        for sample in samples {
          #expect(takesList || sample.inputs.count == tensors, "\(op.name): inputs of a sample")
          #expect(
            sample.attributes.count == op.parameters.count - tensors, "\(op.name): attributes of a sample")
        }
      }
    }

    @Test(arguments: Op.catalogue.map(\.name))
    func gradientsAgreeWithDifferences(_ name: String) throws {
      guard let op = Op.catalogue.first(where: { $0.name == name }), op.isDifferentiable else { return }
      for (number, sample) in try samples(op).enumerated() where sample.checksGradient {
        let worst = try GradientCheck.worst(op, sample)
        #expect(worst < 1e-6, "\(op.name), sample \(number + 1): gradient is off by \(worst)")
      }
    }

    @Test func singleAndDoublePrecisionAgree() throws {
      for op in Op.catalogue {
        for (number, sample) in try samples(op).enumerated() {
          guard sample.inputs.contains(where: { $0?.dtype.isFloating ?? false }) else { continue }
          let wide = try values(op, sample, .f64)
          let narrow = try values(op, sample, .f32)
          #expect(wide.count == narrow.count, "\(op.name)")
          for (w, n) in zip(wide, narrow) {
            #expect(w.shape == n.shape, "\(op.name), sample \(number + 1): shapes \(w.shape) and \(n.shape)")
            for (x, y) in zip(try w.doubles(), try n.doubles()) {
              let agrees = x == y || (x.isNaN && y.isNaN) || abs(x - y) <= 2e-5 * max(1, abs(x))
              #expect(agrees, "\(op.name), sample \(number + 1): f64 gives \(x), f32 \(y)")
            }
          }
        }
      }
    }

    private func values(_ op: Op, _ sample: Op.Sample, _ dtype: DType) throws -> [Tensor] {
      // Both start from the numbers that f32 can hold.
      let inputs = try sample.inputs.map { tensor -> Variable? in
        guard let tensor else { return nil }
        return Variable(tensor.dtype.isFloating ? try tensor.cast(to: .f32).cast(to: dtype) : tensor)
      }
      return try op(inputs, sample.attributes).map(\.value)
    }

    @Test(arguments: Op.catalogue.filter(\.isFused).map(\.name))
    func fusedOperationsMatchTheirFormulas(_ name: String) throws {
      let op = try #require(Op.catalogue.first { $0.name == name })
      for (number, sample) in try samples(op).enumerated() {
        let fused = try GradientCheck.valuesAndGradients(sample, .f32) { try op($0, $1) }
        let reference = try GradientCheck.valuesAndGradients(sample, .f32) {
          try op.composed($0, $1) ?? []
        }
        #expect(fused.count == reference.count)
        for (x, y) in zip(fused, reference) {
          #expect(abs(x - y) <= 1e-4 * max(1, abs(y)), "\(op.name), sample \(number + 1): \(x) against \(y)")
        }
      }
    }

    @Test func refusalsThrowTheirWords() throws {
      for op in Op.catalogue {
        for refusal in try op.refusals() {
          do {
            _ = try op(refusal.inputs.map { $0.map { Variable($0) } }, refusal.attributes)
            Issue.record("\(op.name) accepted what it must refuse: \(refusal.words)")
          } catch let failure as Failure {
            #expect(failure.message.contains(refusal.words), "\(op.name): \(failure.message)")
          }
        }
      }
    }

    @Test(arguments: Op.catalogue.map(\.name))
    func edgeInputsGiveValuesOrFailures(_ name: String) throws {
      guard let op = Op.catalogue.first(where: { $0.name == name }) else { return }
      for sample in try samples(op) {
        for inputs in try EdgeInputs.variants(sample.inputs) {
          try run(op, inputs, sample.attributes)
        }
        for attributes in EdgeInputs.variants(op, sample.attributes) {
          try run(op, sample.inputs, attributes)
        }
      }
    }

    /// Forward and backward; only a `Failure` may come out.
    private func run(_ op: Op, _ inputs: [Tensor?], _ attributes: [Attribute]) throws {
      do {
        let variables = inputs.map { $0.map { Variable($0, requiresGrad: $0.dtype.isFloating) } }
        for output in try op(variables, attributes) where output.requiresGrad {
          try output.backward(
            try Tensor(scalar: 1, output.value.dtype).expanded(to: output.value.shape), retainGraph: true)
        }
      } catch is Failure {}
    }

    @Test func resultsDoNotDependOnTheThreadCount() throws {
      let before = Parallel.threads
      defer { Parallel.threads = before }
      for op in Op.catalogue {
        for sample in try samples(op).prefix(3) {
          guard let first = sample.inputs.first, let tensor = first, tensor.dtype.isFloating, tensor.rank > 0
          else {
            continue
          }
          let call = { () -> [[Double]] in
            try op(sample.inputs.map { $0.map { Variable($0) } }, sample.attributes).map {
              try $0.value.doubles()
            }
          }
          Parallel.threads = 1
          let one = try call()
          Parallel.threads = 3
          let three = try call()
          #expect(
            zip(one, three).allSatisfy { $0.elementsEqual($1) { $0 == $1 || $0.isNaN && $1.isNaN } },
            "\(op.name)")
        }
      }
    }
  }
}
