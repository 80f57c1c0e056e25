// One level of the tile of a matrix product. Included once for each level with
//   NAME     suffix of the functions      WIDTH   floats in a vector
//   ROWS     the most rows of a tile      TARGET  the attribute of the functions
//   PACK_PANEL, PACK_ROWS  how its operands are packed
// A tile has two vectors of columns, so that each element of A that is spread over a vector serves two multiply-adds.

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)
#define VEC CAT(vec_, NAME)

typedef float VEC __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));

// acc[i][0..1] of one tile; `rows` is a constant wherever this is inlined, so that acc lives in registers.
TARGET static inline __attribute__((always_inline)) void CAT(rows_, NAME)(
    const int rows, ptrdiff_t k, const float *a, ptrdiff_t row, ptrdiff_t step, const float *panel, float *c,
    ptrdiff_t lead, int width, float alpha, float beta) {
  VEC acc[ROWS][2];
  _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) acc[i][0] = acc[i][1] = (VEC){0};
  for (ptrdiff_t l = 0; l < k; l++) {
    // 128 steps ahead: where panels come from memory, waiting for them would otherwise take a third of the time.
    __builtin_prefetch(panel + 256 * WIDTH);
    __builtin_prefetch(panel + 257 * WIDTH);
    const VEC b0 = *(const VEC *)panel, b1 = *(const VEC *)(panel + WIDTH);
    _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {
      const VEC x = (VEC){0} + a[i * row];
      acc[i][0] = __builtin_elementwise_fma(x, b0, acc[i][0]);
      acc[i][1] = __builtin_elementwise_fma(x, b1, acc[i][1]);
    }
    a += step;
    panel += 2 * WIDTH;
  }
  const VEC scale = (VEC){0} + alpha, keep = (VEC){0} + beta;
  if (width == 2 * WIDTH) {
    _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {
      VEC *out = (VEC *)(c + i * lead), *next = (VEC *)(c + i * lead + WIDTH);
      if (beta == 0) {
        *out = acc[i][0] * scale;
        *next = acc[i][1] * scale;
      } else {
        *out = __builtin_elementwise_fma(acc[i][0], scale, keep * *out);
        *next = __builtin_elementwise_fma(acc[i][1], scale, keep * *next);
      }
    }
    return;
  }
  for (int i = 0; i < rows; i++) {
    float line[2 * WIDTH];
    *(VEC *)line = acc[i][0];
    *(VEC *)(line + WIDTH) = acc[i][1];
    float *out = c + i * lead;
    for (int j = 0; j < width; j++)
      out[j] = beta == 0 ? line[j] * alpha : __builtin_fmaf(line[j], alpha, beta * out[j]);
  }
}

TARGET static void CAT(tile_, NAME)(int rows, ptrdiff_t k, const float *a, ptrdiff_t row, ptrdiff_t step,
                                    const float *panel, float *c, ptrdiff_t lead, int width, float alpha, float beta) {
#define CASE(n) \
  case n: CAT(rows_, NAME)(n, k, a, row, step, panel, c, lead, width, alpha, beta); return;
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

static const ck_level CAT(level_, NAME) = {ROWS, 2 * WIDTH, CAT(tile_, NAME), PACK_PANEL, PACK_ROWS};

#undef VEC
#undef CAT
#undef CAT2
#undef NAME
#undef WIDTH
#undef ROWS
#undef TARGET
#undef PACK_PANEL
#undef PACK_ROWS
