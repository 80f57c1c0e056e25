/// f64 operations for the gradients of factorisations.
import Base
import Tensors

extension Tensor {
  /// The last two dimensions exchanged.
  func adjoint() throws -> Tensor { try transposed(rank - 2, rank - 1) }

  /// The elementwise product with broadcasting.
  func matrixScaled(_ other: Tensor) throws -> Tensor { try matrixZip(other) { $0 * $1 } }

  func matrixZip(_ other: Tensor, _ f: (Double, Double) -> Double) throws -> Tensor {
    let shape = try Shape.broadcast(shape, other.shape)
    let result = try Tensor(uninitialized: shape, .f64)
    try Strided.zip(try expanded(to: shape), try other.expanded(to: shape), result, f)
    return result
  }

  func matrixMap(_ f: (Double) -> Double) throws -> Tensor {
    let result = try Tensor(uninitialized: shape, .f64)
    try Strided.map(self, result, f)
    return result
  }

  /// (A + Aᵀ) / 2.
  func symmetrised() throws -> Tensor { try matrixZip(try adjoint()) { ($0 + $1) / 2 } }

  /// A − Aᵀ.
  func skewed() throws -> Tensor { try matrixZip(try adjoint()) { $0 - $1 } }

  /// A vector as a column that multiplies rows, or as a row that multiplies columns.
  func asColumn() throws -> Tensor { try unsqueezed(rank) }
  func asRow() throws -> Tensor { try unsqueezed(rank - 1) }

  /// f(s[i], s[j]) for all pairs of a vector, with 0 on the diagonal.
  func pairs(_ f: (Double, Double) -> Double) throws -> Tensor {
    let all = try asColumn().matrixZip(try asRow(), f)
    let n = shape[rank - 1]
    let main = all.diagonalView(0, all.rank - 2, all.rank - 1)
    if n > 0 { try Strided.map(main, main) { (_: Double) in 0.0 } }
    return all
  }
}
