/// The operation that NaN comes from is named, whichever it is.
import Autograd
import Base
import Tensors
import Testing

extension AutogradTests {
  @Suite struct AnomalyTests {
    private func message(infinities: Bool = false, _ body: () throws -> Void) -> String? {
      do {
        try AnomalyDetector.watch(infinities: infinities, body)
        return nil
      } catch { return "\(error)" }
    }

    private func leaf(_ values: [Double]) throws -> Variable {
      Variable(try Tensor(values, shape: [values.count]), requiresGrad: true)
    }

    /// NaN alone in each floating-point argument, so that every element of it that is read is NaN.
    @Test(arguments: Op.catalogue.map(\.name))
    func nanInAnArgumentIsNamedWhereTheResultHasIt(_ name: String) throws {
      guard let op = Op.catalogue.first(where: { $0.name == name }) else { return }
      var random = Samples(seed: 11)
      for sample in try op.samples(&random) {
        for (i, input) in sample.inputs.enumerated() {
          guard let input, input.dtype.isFloating, input.elementCount > 0,
            try sample.inputs.allSatisfy({ try $0.map(Finite.exception)??.isNaN != true })
          else { continue }
          var inputs = sample.inputs.map { $0.map { Variable($0) } }
          inputs[i] = Variable(try Tensor(scalar: .nan, input.dtype).expanded(to: input.shape).copied())
          guard let results = try? op(inputs, sample.attributes) else { continue }  // it refuses NaN itself
          let isNaN = try results.contains { try Finite.exception(in: $0.value)?.isNaN == true }
          let said = message { _ = try op(inputs, sample.attributes) }
          if !isNaN {
            #expect(said == nil, "\(name): \(said ?? "")")
          } else {
            #expect(
              said?.hasPrefix("argument \(i + 1) of \(name) is nan") == true, "\(name): \(said ?? "no error")"
            )
          }
        }
      }
    }

    @Test func theResultNamesItsPlaceAndTheInfinityBeforeIt() throws {
      let x = try leaf([1, -1, 2])
      #expect(message { _ = try Op.byName["log"]?([x]) } == "log gave nan at [2] (1 of 3 elements)")
      let y = try leaf([1000])
      let exp = try #require(Op.byName["exp"]), sub = try #require(Op.byName["sub"])
      let said = message {
        let large = try exp([y])[0]
        _ = try sub([large, large])
      }
      #expect(
        said == "sub gave nan at [1] (1 of 1 elements); before it, exp gave inf at [1] (1 of 1 elements)")
    }

    @Test func gradientsAreCheckedAndInfinitiesWhereAskedFor() throws {
      let x = try leaf([0, 1])
      let step = { try Op.byName["sqrt"]?([x])[0].backward(Tensor([1, 1], shape: [2])) ?? () }
      #expect(message(step) == nil)
      #expect(
        message(infinities: true, step)
          == "the gradient of argument 1 of sqrt is inf at [1] (1 of 2 elements)")
    }

    /// The gradient of w is NaN, 0 / 0, and that of x, the one result of the checkpoint, is finite.
    @Test func nanWithinACheckpointedPartIsNamed() throws {
      let (x, w) = (try leaf([0]), try leaf([0]))
      let sqrt = try #require(Op.byName["sqrt"]), mul = try #require(Op.byName["mul"])
      let said = message {
        let y = try Tape.checkpointed(x, [w]) { try mul([$0, try sqrt([w])[0]])[0] }
        try y.backward()
      }
      #expect(said == "the gradient of argument 1 of sqrt is nan at [1] (1 of 1 elements)")
      #expect(Op.observer == nil)
    }

    /// A gradient that was NaN before is given to the operation that adds to it, and is none of its making.
    @Test func nanOfAnEarlierPassIsNamedAsGiven() throws {
      let weight = Variable(try Tensor([1, 2] as [Float], shape: [1, 2]), requiresGrad: true)
      let ids = Variable(try Tensor([0], shape: [1]).cast(to: .i64))
      let embedding = try #require(Op.byName["embedding"])
      func pass() throws {
        try embedding([weight, ids])[0].backward(Tensor([1, 1] as [Float], shape: [1, 2]))
      }
      #expect(message { for _ in 0..<2 { try pass() } } == nil)
      weight.grad = try Tensor([1, .nan] as [Float], shape: [1, 2])
      #expect(
        message(pass)
          == "the gradient that embedding adds to is nan at [1, 2] (1 of 2 elements)")
      // An operation that gives a gradient of its own does not pass it on.
      let x = try leaf([-1]), exp = try #require(Op.byName["exp"])
      x.grad = try Tensor([Double.nan], shape: [1])
      #expect(message { try exp([x])[0].backward() } == nil)
    }

    /// An infinity that is given, as in a mask, is made by no operation.
    @Test func anInfinityThatIsGivenIsNone() throws {
      let x = try leaf([1, 2])
      let fill = try #require(Op.byName["masked_fill"])
      let mask = Variable(try Tensor([0, 1], shape: [2]).cast(to: .bool))
      let softmax = try #require(Op.byName["softmax"])
      let said = message(infinities: true) {
        let masked = try fill([x, mask], [.number(-.infinity)])[0]
        _ = try softmax([masked], [.integer(0)])
      }
      #expect(said == nil)
    }

    @Test func theDetectorIsGoneAfterAnError() throws {
      _ = message { throw Failure(.value, "stop") }
      #expect(Op.observer == nil)
    }
  }
}
