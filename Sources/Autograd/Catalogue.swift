/// All operations on tensors, in the order of the manual.
extension Op {
  public static let catalogue: [Op] = [
    arithmetic, elementwise, trigonometry, activations, selection, comparison, reductions, orders, cumulative,
    softmaxes, views, shapes, casting, joining, indexing, ids, products, linearAlgebra, sorting, convolutions,
    models,
  ].flatMap { $0 }

  /// Operations of language models, most of them fused.
  private static let models: [Op] = [
    linear, layerNorm, rmsNorm, attention, crossAttention, swiglu, tokenLogps, crossEntropy, segmentSum,
  ]

  public static let byName = Dictionary(
    catalogue.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
}
