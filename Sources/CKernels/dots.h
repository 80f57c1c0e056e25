// One level of the products with weights that are read from memory once. Included after decode.h for each level, and for each
// level of bf16, with
//   LANES         suffix of the functions of decode.h   NAME    suffix of the functions
//   TARGET        the attribute of the functions        FUSED   sum + x w in each lane: a float, or a pair of bf16
//   DOT_ROWS      rows at once

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)
#define INLINE(type, name) TARGET static inline __attribute__((always_inline)) type CAT(name##_, NAME)

// y[r][0..1] += x[r] . w[0..1] over one block of k.
INLINE(void, dot_group)(const int rows, const int outputs, ptrdiff_t k, const float *spread, const float *w,
                        ptrdiff_t lead, float *y, ptrdiff_t y_lead) {
  v16 acc[DOT_ROWS][2];
  UNROLLED for (int r = 0; r < rows; r++) UNROLLED for (int o = 0; o < outputs; o++) acc[r][o] = 0.0f;
  // Prefetches later rows of w in the order of memory: two parallel streams would be a sixth slower. Into the L2 cache, as
  // the L1 cache has place for the rows of x and little else.
  const float *ahead = w + DOT_AHEAD * lead;
  const ptrdiff_t half = k / 32 * 16;
  ptrdiff_t l = 0;
  for (; l + 16 <= k; l += 16, spread += 16 * rows) {
    v16 b[2];
    if (l == half) ahead = w + (DOT_AHEAD + 1) * lead;
    UNROLLED for (int o = 0; o < outputs; o++) {
      b[o] = AT(w + o * lead + l);
      __builtin_prefetch(ahead + 16 * o, 0, 2);
    }
    ahead += 16 * outputs;
    UNROLLED for (int r = 0; r < rows; r++) UNROLLED for (int o = 0; o < outputs; o++)
      acc[r][o] = FUSED(AT(spread + 16 * r), b[o], acc[r][o]);
  }
  if (l < k) {
    UNROLLED for (int o = 0; o < outputs; o++) {
      const v16 b = CAT(part_, LANES)(w + o * lead + l, k - l, 0.0f);
      UNROLLED for (int r = 0; r < rows; r++) acc[r][o] = FUSED(AT(spread + 16 * r), b, acc[r][o]);
    }
  }
#if DOT_ROWS == 8
  if (rows > 4 && outputs == 2) {
    UNROLLED for (int r = rows; r < DOT_ROWS; r++) acc[r][0] = acc[r][1] = 0.0f;
    const v16 sums = CAT(sums_, LANES)(acc[0]);
    UNROLLED for (int r = 0; r < rows; r++) UNROLLED for (int o = 0; o < outputs; o++)
      y[r * y_lead + o] += sums[2 * r + o];
    return;
  }
#endif
  UNROLLED for (int r = 0; r < rows; r++) UNROLLED for (int o = 0; o < outputs; o++)
    y[r * y_lead + o] += CAT(sum_, LANES)(acc[r][o]);
}

INLINE(void, dot_rows)(int rows, const int outputs, ptrdiff_t k, const float *spread, const float *w, ptrdiff_t lead,
                       float *y, ptrdiff_t y_lead) {
#define CASE(n) \
  case n: CAT(dot_group_, NAME)(n, outputs, k, spread, w, lead, y, y_lead); return;
  switch (rows) {
    CASE(1) CASE(2)
#if DOT_ROWS > 2
    CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#endif
  }
#undef CASE
}

TARGET static void CAT(dots_, NAME)(int rows, ptrdiff_t k, const float *spread, const float *w, ptrdiff_t lead,
                                    int outputs, float *y, ptrdiff_t y_lead) {
  const int groups = (rows + DOT_ROWS - 1) / DOT_ROWS;
  const ptrdiff_t padded = (k + 15) / 16 * 16, passes = (k + DOT_DEPTH - 1) / DOT_DEPTH;
  const ptrdiff_t depth = passes ? ((k + passes - 1) / passes + 15) / 16 * 16 : 1;
  for (ptrdiff_t l = 0; l < k; l += depth) {
    const ptrdiff_t deep = k - l < depth ? k - l : depth;
    for (int o = 0; o < outputs; o += 2) {
      for (int g = 0; g < groups; g++) {
        const int first = g * rows / groups, n = (g + 1) * rows / groups - first;
        const float *x = spread + first * padded + l * n, *weights = w + o * lead + l;
        float *out = y + first * y_lead + o;
        if (o + 2 <= outputs)
          CAT(dot_rows_, NAME)(n, 2, deep, x, weights, lead, out, y_lead);
        else
          CAT(dot_rows_, NAME)(n, 1, deep, x, weights, lead, out, y_lead);
      }
    }
  }
}

#undef INLINE
#undef CAT
#undef CAT2
#undef NAME
#undef FUSED
