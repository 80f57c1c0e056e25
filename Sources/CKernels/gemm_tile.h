// One level of the tile of a matrix product. Included once for each level with
//   NAME     suffix of the functions      WIDTH   floats in a vector
//   ROWS     largest number of rows       TARGET  attribute of the functions
//   LOAD_PART, STORE_PART  load and store the first floats of a vector
//   BROADCAST, FUSED       of pairs of bf16, as below for floats
// A tile is two vectors of columns wide, so that each broadcast element of A serves two multiply-adds.

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)
#define VEC CAT(vec_, NAME)

#ifndef FUSED
// `x - 0` folds away; `x + 0` would not, because it turns -0 into +0.
#define BROADCAST(x) (*(x) - (VEC){0})
#define FUSED(x, b, sum) __builtin_elementwise_fma(x, b, sum)
#endif

_Static_assert(ROWS <= CK_ROW_STEP, "a tile's rows must fit into a packed row");
typedef float VEC __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));

// Writes one vector of a row's sums: `count` floats, at most WIDTH.
TARGET static inline __attribute__((always_inline)) void CAT(finish_, NAME)(VEC sum, float *c, const float *add,
                                                                           const float *bias, ptrdiff_t count,
                                                                           float alpha, float beta) {
  VEC base = {0};
  if (add) base = beta * (count >= WIDTH ? *(const VEC *)add : LOAD_PART(add, count));
  if (bias) base += count >= WIDTH ? *(const VEC *)bias : LOAD_PART(bias, count);
  const VEC y = __builtin_elementwise_fma(sum, (VEC){0} + alpha, base);
  if (count >= WIDTH)
    *(VEC *)c = y;
  else
    STORE_PART(y, c, count);
}

// One tile. `rows` is a constant at each call, so that the sums stay in registers.
TARGET static inline __attribute__((always_inline)) void CAT(rows_, NAME)(
    const int rows, ptrdiff_t k, const float *a, ptrdiff_t row, ptrdiff_t step, const float *panel, const float *prefetch_b,
    ptrdiff_t prefetch_stride, int width, const ck_sink *sink) {
  // Prefetch what is added to the sums.
  const float *prefetch_c = sink->add ? sink->add : sink->c;
  const ptrdiff_t prefetch_lead = sink->add ? sink->add_lead : sink->lead;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < width; j += 16) __builtin_prefetch(prefetch_c + i * prefetch_lead + j);
  VEC acc[ROWS][2];
  _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) acc[i][0] = acc[i][1] = (VEC){0};
  for (ptrdiff_t l = 0; l < k; l++) {
    __builtin_prefetch(prefetch_b);
    __builtin_prefetch(prefetch_b + WIDTH);
    prefetch_b += prefetch_stride;
    const VEC b0 = *(const VEC *)panel, b1 = *(const VEC *)(panel + WIDTH);
    _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {
      const VEC x = BROADCAST(a + i * row);
      acc[i][0] = FUSED(x, b0, acc[i][0]);
      acc[i][1] = FUSED(x, b1, acc[i][1]);
    }
    a += step;
    panel += 2 * WIDTH;
  }
  _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {
    float *c = sink->c + i * sink->lead;
    const float *add = sink->add ? sink->add + i * sink->add_lead : NULL, *bias = sink->bias;
    CAT(finish_, NAME)(acc[i][0], c, add, bias, width, sink->alpha, sink->beta);
    if (width > WIDTH)
      CAT(finish_, NAME)(acc[i][1], c + WIDTH, add ? add + WIDTH : NULL, bias ? bias + WIDTH : NULL, width - WIDTH,
                         sink->alpha, sink->beta);
  }
}

TARGET static void CAT(tile_, NAME)(int rows, ptrdiff_t k, const float *a, ptrdiff_t row, ptrdiff_t step,
                                    const float *panel, const float *prefetch_b, ptrdiff_t prefetch_stride, int width,
                                    const ck_sink *sink) {
#define CASE(n) \
  case n: CAT(rows_, NAME)(n, k, a, row, step, panel, prefetch_b, prefetch_stride, width, sink); return;
  switch (rows) {
    CASE(1) CASE(2) CASE(3) CASE(4)
#if ROWS > 4
    CASE(5) CASE(6)
#endif
#if ROWS > 6
    CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#endif
#if ROWS > 12
    CASE(13) CASE(14)
#endif
  }
#undef CASE
}

#undef VEC
#undef CAT
#undef CAT2
#undef NAME
#undef WIDTH
#undef ROWS
#undef TARGET
#undef LOAD_PART
#undef STORE_PART
#undef BROADCAST
#undef FUSED
