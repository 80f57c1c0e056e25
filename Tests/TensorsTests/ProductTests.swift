/// Matrix products and factorisations against sums written out.
import Base
import Testing

@testable import Tensors

@Suite struct ProductTests {
  private func normal(_ shape: Shape, _ random: inout Philox) throws -> Tensor {
    try Tensor((0..<shape.elementCount).map { _ in random.normal() }, shape: shape)
  }

  /// A matrix of a batch, stored in one of many ways.
  private func stored(_ shape: Shape, _ random: inout Philox) throws -> Tensor {
    let (last, rows) = (shape.count - 1, shape.count - 2)
    var turned = shape
    turned.swapAt(last, rows)
    switch random.below(4) {
    case 0: return try normal(turned, &random).transposed(last, rows)
    case 1:
      var wide = shape
      wide[last] += 2
      return try normal(wide, &random).narrowed(last, from: 1, length: shape[last])
    case 2:
      var wide = shape
      wide.append(2)
      return try normal(wide, &random).selected(shape.count, 1)
    default: return try normal(shape, &random)
    }
  }

  private func naive(_ a: [Double], _ b: [Double], _ m: Int, _ n: Int, _ k: Int) -> [Double] {
    (0..<m * n).map { at in (0..<k).reduce(0) { $0 + a[at / n * k + $1] * b[$1 * n + at % n] } }
  }

  @Test func productsOfAllLayoutsMatchSums() throws {
    for seed in 0..<400 {
      var random = Philox(seed: UInt64(seed), stream: "products")
      let (m, n, k) = (random.below(5), random.below(5), random.below(4))
      let batch = random.below(3)
      let a = try stored([batch, m, k], &random)
      let b = try stored([batch, k, n], &random)
      for type in [DType.f64, .f32] {
        let product = try a.cast(to: type).matmul(try b.cast(to: type))
        #expect(product.shape == [batch, m, n])
        for i in 0..<batch {
          let expected = naive(try a.selected(0, i).doubles(), try b.selected(0, i).doubles(), m, n, k)
          for (x, y) in zip(try product.selected(0, i).doubles(), expected) {
            #expect(abs(x - y) < (type == .f64 ? 1e-12 : 1e-5), "seed \(seed)")
          }
        }
      }
      let (p, q) = (try a.matrixRounded(), try b.matrixRounded())
      #expect(
        try p.matmul(q).doubles() == p.cast(to: .f64).matmul(q.cast(to: .f64)).doubles(), "seed \(seed)")
    }
  }

  @Test func largeProductsDoNotDependOnTheThreadCount() throws {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    var random = Philox(seed: 3, stream: "large")
    for (x, y) in [
      ([300, 200], [200, 260]), ([1, 700], [700, 900]), ([900, 700], [700, 1]), ([9, 40, 50], [9, 50, 60]),
    ] {
      let a = try normal(Shape(known: x), &random).cast(to: .f32)
      let b = try normal(Shape(known: y), &random).cast(to: .f32)
      Parallel.threads = 1
      let one = try a.matmul(b).elements(Float.self)
      Parallel.threads = 4
      #expect(try a.matmul(b).elements(Float.self) == one)
      let exact = try a.cast(to: .f64).matmul(try b.cast(to: .f64)).doubles()
      #expect(zip(one, exact).allSatisfy { abs(Double($0) - $1) < 1e-3 })
    }
  }

  @Test func factorisationsMultiplyBack() throws {
    var random = Philox(seed: 5, stream: "factors")
    func close(_ a: Tensor, _ b: Tensor) throws -> Bool {
      zip(try a.doubles(), try b.doubles()).allSatisfy { abs($0 - $1) < 1e-9 }
    }
    for (m, n) in [(4, 3), (3, 5), (6, 6), (1, 1)] {
      let a = try normal([2, m, n], &random)
      let (q, r) = try Linalg.qr(a)
      #expect(try close(try q.matmul(r), a))
      let (u, s, vt) = try Linalg.svd(a)
      let scaled = try Tensor(uninitialized: u.shape, .f64)
      try Strided.zip(u, try s.unsqueezed(1).expanded(to: u.shape), scaled) { (x: Double, y: Double) in x * y
      }
      #expect(try close(try scaled.matmul(vt), a))
      #expect(
        zip(try s.doubles(), try s.doubles().dropFirst()).enumerated().allSatisfy {
          ($0.offset + 1) % min(m, n) == 0 || $0.element.0 >= $0.element.1
        })
      let square = try a.matmul(try a.transposed(1, 2))
      let (w, v) = try Linalg.eigh(square)
      let turned = try Tensor(uninitialized: v.shape, .f64)
      try Strided.zip(v, try w.unsqueezed(1).expanded(to: v.shape), turned) { (x: Double, y: Double) in x * y
      }
      #expect(try close(try turned.matmul(try v.transposed(1, 2)), square))
    }
    let a = try normal([3, 3], &random)
    let b = try normal([3, 2], &random)
    #expect(try close(try a.matmul(try Linalg.solve(a, b)), b))
    #expect(try close(try a.transposed(0, 1).matmul(try Linalg.solve(a, b, transposed: true)), b))
    #expect(try close(try a.matmul(try Linalg.inverse(a)), try Tensor.eye(3, nil, .f64)))
  }

  @Test func singularMatricesSaySo() throws {
    let singular = try Tensor([1, 2, 2, 4] as [Double], shape: [2, 2])
    for body in [
      { _ = try Linalg.inverse(singular) }, { _ = try Linalg.solve(singular, try Tensor.eye(2, nil, .f64)) },
    ] {
      do {
        try body()
        Issue.record("a singular matrix was inverted")
      } catch let failure as Failure {
        #expect(failure.kind == .numeric && failure.message == "the matrix is singular: pivot 2 is zero")
      }
    }
    #expect(try Linalg.logDeterminant(singular).sign.item() == 0)
  }
}

extension Tensor {
  /// Whole numbers near ten times the elements.
  fileprivate func matrixRounded() throws -> Tensor {
    let result = try Tensor(uninitialized: shape, .f64)
    try Strided.map(self, result) { (x: Double) in x * 10 }
    return try result.cast(to: .i64)
  }
}
