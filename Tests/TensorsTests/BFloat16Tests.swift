/// Products of bf16 against those of PyTorch and of numbers that ml_dtypes rounded: Tests/Golden/bf16.json, made by
/// `python3 scripts/golden/bf16.py Tests/Golden/training.json Tests/Golden/bf16.json`.
import Foundation
import Testing

@testable import Tensors

@Suite struct BFloat16Tests {
  struct File: Decodable {
    let products: [Product]
  }

  struct Product: Decodable {
    let m, n, k: Int
    let a, b: [Float]
    /// Of operands rounded by ml_dtypes, summed in double precision.
    let exact: [Double]
    /// torch.matmul of bf16, whose result is bf16.
    let torch: [Double]
  }

  static let products: [Product] = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    guard let data = try? Data(contentsOf: folder.appendingPathComponent("Golden/bf16.json")) else {
      return []
    }
    return (try? JSONDecoder().decode(File.self, from: data))?.products ?? []
  }()

  private func product(_ golden: Product, _ precision: Precision) -> [Float] {
    let (m, n, k) = (golden.m, golden.n, golden.k)
    var c = [Float](repeating: 0, count: m * n)
    golden.a.withUnsafeBufferPointer { a in
      golden.b.withUnsafeBufferPointer { b in
        c.withUnsafeMutableBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
          Gemm.run(
            MatrixView(a, rows: m, columns: k), MatrixView(b, rows: k, columns: n),
            into: MutableMatrixView(c, rows: m, columns: n), precision: precision)
        }
      }
    }
    return c
  }

  /// The sums of a row are within 3e-7 of the sum of the sizes of its terms; the products of f32 are not.
  @Test func productsAreThoseOfRoundedOperands() throws {
    #expect(Self.products.count == 4)
    for golden in Self.products {
      let (found, unrounded) = (product(golden, .bf16), product(golden, .f32))
      for i in 0..<golden.m {
        for j in 0..<golden.n {
          let size = (0..<golden.k).reduce(0.0) {
            $0 + abs(Double(golden.a[i * golden.k + $1]) * Double(golden.b[$1 * golden.n + j]))
          }
          let at = i * golden.n + j
          #expect(abs(Double(found[at]) - golden.exact[at]) <= 3e-7 * size, "\(golden.k): \(i), \(j)")
        }
      }
      let far = zip(unrounded, golden.exact).filter { abs(Double($0) - $1) > 1e-4 * abs($1) }
      #expect(far.count > found.count / 2 || golden.k == 1)
    }
  }

  /// PyTorch rounds the sums to bf16 as well: half a unit of its 8 bits, and as much again where terms cancel.
  @Test func productsArePyTorchsToItsResultsPrecision() throws {
    for golden in Self.products {
      for (found, torch) in zip(product(golden, .bf16), golden.torch) {
        #expect(abs(Double(found) - torch) <= 0x1p-8 * abs(torch))
      }
    }
  }
}
