/// All operations on tensors, in the order of the manual.
extension Op {
  public static let catalogue: [Op] = [
    arithmetic, elementwise, trigonometry, activations, selection, comparison, reductions, orders, cumulative,
    softmaxes,
    views, shapes, casting, joining, indexing, ids, products, linearAlgebra, sorting, convolutions,
    [linear, layerNorm, rmsNorm, attention, swiglu, tokenLogps, crossEntropy, segmentSum],
  ].flatMap { $0 }
}
