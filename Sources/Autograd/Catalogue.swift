/// All operations on tensors, in the order of the manual. Models add their fused operations to the list.
extension Op {
  public static let catalogue: [Op] = [
    arithmetic, elementwise, trigonometry, activations, selection, comparison, reductions, orders, cumulative, softmaxes,
    views, shapes, casting, joining, indexing, ids, products, linearAlgebra, sorting, convolutions,
  ].flatMap { $0 }
}
