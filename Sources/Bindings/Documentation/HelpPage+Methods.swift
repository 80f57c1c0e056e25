/// Help pages of the methods of a tensor that are no operations.
extension HelpPage {
  static let queries = [
    HelpPage(
      "size", "queries", "x:size(dim)", "The size of one dimension, or the list of all.",
      "print(T.zeros(2, 3):size(-1), #T.zeros(2, 3):size())", prints: "3\t2"),
    HelpPage(
      "dim", "queries", "x:dim()", "The number of dimensions.", "print(T.zeros(2, 3):dim())", prints: "2"),
    HelpPage(
      "numel", "queries", "x:numel()", "The number of elements.", "print(T.zeros(2, 3):numel())", prints: "6"),
    HelpPage(
      "dtype", "queries", "x:dtype()", "The element type: 'f32', 'f64', 'i64' or 'bool'.",
      "print(T{1}:dtype())",
      prints: "f32"),
    HelpPage(
      "stride", "queries", "x:stride()", "Elements from one position of each dimension to the next.",
      "print(table.concat(T.zeros(2, 3):stride(), ' '))", prints: "3 1"),
    HelpPage(
      "is_contiguous", "queries", "x:is_contiguous()",
      "Whether the elements lie in row-major order without gaps.",
      "print(T.zeros(2, 3):t():is_contiguous())", prints: "false"),
    HelpPage(
      "storage_bytes", "queries", "x:storage_bytes()",
      "The bytes of the storage that x shows, which views share.",
      "print(T.zeros(10):storage_bytes())", prints: "40"),
    HelpPage(
      "item", "queries", "x:item()", "The one element, as a Lua number, integer (i64) or boolean (bool).",
      "print(T{2.5}:item(), T(3, 'i64'):item())", prints: "2.5\t3"),
    HelpPage(
      "totable", "queries", "x:totable()", "Nested lists of the elements; a scalar gives its element.",
      "print(T{{1, 2}, {3, 4}}:totable()[2][1])", prints: "3.0"),
    HelpPage(
      "float", "queries", "x:float()", "x as f32.", "print(T({1}, 'i64'):float():dtype())", prints: "f32"),
    HelpPage("double", "queries", "x:double()", "x as f64.", "print(T{1}:double():dtype())", prints: "f64"),
    HelpPage(
      "long", "queries", "x:long()", "x as i64; fractions are cut off.", "print(T{1.5}:long():item())",
      prints: "1"),
  ]

  static let gradients = [
    HelpPage(
      "requires_grad", "gradients", "x:requires_grad()", "Whether a gradient flows to x.",
      "print(T{1}:requires_grad())",
      prints: "false"),
    HelpPage(
      "requires_grad_", "gradients", "x:requires_grad_(wanted = true)",
      "Marks x as wanting a gradient, or not; gives x.",
      "print(T{1}:requires_grad_():requires_grad())", prints: "true"),
    HelpPage(
      "backward", "gradients", "x:backward{gradient, retain_graph = false}",
      "Adds the gradient of x to every leaf that wants one. Without gradient, x must hold one element.",
      "w = T({2, 3}, {requires_grad = true})\nloss = (w * w):sum()\nloss:backward()\nprint(w:grad())",
      prints: "[4, 6]\n[Tensor f32 2]"),
    HelpPage(
      "grad", "gradients", "x:grad()",
      "The gradient that backward left, or nil. A later backward adds to x's gradient, but never changes one that is held.",
      "print(T{1}:grad())", prints: "nil"),
    HelpPage(
      "zero_grad", "gradients", "x:zero_grad()", "Forgets the gradient; gives x.",
      "print(T{1}:zero_grad():grad())",
      prints: "nil"),
    HelpPage(
      "is_leaf", "gradients", "x:is_leaf()", "Whether x was made, not computed from what wants a gradient.",
      "print((T({1}, {requires_grad = true}) * 2):is_leaf())", prints: "false"),
    HelpPage(
      "detach", "gradients", "x:detach()", "The same elements without history.",
      "print(T({1}, {requires_grad = true}):detach():requires_grad())", prints: "false"),
  ]

  static let writing = [
    HelpPage(
      "fill_", "writing", "x:fill_(value)", "Sets every element.", "print(T{1, 2}:fill_(5))",
      prints: "[5, 5]\n[Tensor f32 2]"),
    HelpPage(
      "zero_", "writing", "x:zero_()", "Sets every element to 0.", "print(T{1, 2}:zero_())",
      prints: "[0, 0]\n[Tensor f32 2]"),
    HelpPage(
      "copy_", "writing", "x:copy_(other)", "Takes over the elements of other, which may broadcast.",
      "print(T.zeros(2, 2):copy_(T{1, 2}))", prints: "[[1, 2],\n [1, 2]]\n[Tensor f32 2x2]"),
    HelpPage(
      "free", "writing", "x:free()",
      "Gives the memory back at once, unless another tensor or a recorded operation holds it. x cannot be used after it; "
        + "`local x <close>` does the same at the end of a block.",
      "x = T.zeros(1000)\nx:free()\nprint((pcall(x.sum, x)))", prints: "false"),
  ]
}
