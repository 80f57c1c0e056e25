// One level of the kernels of decoding. Included once for each level with
//   NAME          suffix of the functions            TARGET       the attribute of the functions
//   SCORE_BLOCKS  blocks of positions at once        MIX_VECTORS  vectors of a head's elements at once
//   DOT_ROWS      rows at once of `dots`
// NAME, TARGET and DOT_ROWS are left for dots.h. Vectors have sixteen lanes at every level, and the terms of an element and
// their order do not depend on how many elements are computed at once: so all levels give the same bits.

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)
#define INLINE(type, name) TARGET static inline __attribute__((always_inline)) type CAT(name##_, NAME)

LANE_FUNCTIONS(CAT(part_, NAME), CAT(sum_, NAME))

// Broadcasts a pair of elements to all pairs of lanes.
INLINE(v16, pair)(const float *x) {
  const v8d pairs = *(const float_pair *)x;
  return (v16)pairs;
}

// The first eight positions of a block and the last eight: a vector holds one pair of elements of each of eight positions.
// Even and odd elements of the head are separate chains of sums, so that neither waits for the other.
INLINE(void, score_blocks)(const int blocks, int size, float scale, const float *query, const float *keys, float *out) {
  const int padded = PAIRED(size);
  v16 first[SCORE_BLOCKS], last[SCORE_BLOCKS];
  UNROLLED for (int n = 0; n < blocks; n++) first[n] = last[n] = 0.0f;
#define ADD(q, i)                                              \
  UNROLLED for (int n = 0; n < blocks; n++) {                  \
    const float *key = keys + 16 * (n * padded + (i));         \
    first[n] = FMA(q, AT(key), first[n]);                      \
    last[n] = FMA(q, AT(key + 16), last[n]);                   \
  }
  int i = 0;
  for (; i + 2 <= size; i += 2) {
    const v16 q = CAT(pair_, NAME)(query + i);
    ADD(q, i)
  }
  if (i < size) {
    const float end[2] = {query[i], 0};
    const v16 q = CAT(pair_, NAME)(end);
    ADD(q, i)
  }
#undef ADD
  UNROLLED for (int n = 0; n < blocks; n++) {
    const v16 even = __builtin_shufflevector(first[n], last[n], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const v16 odd = __builtin_shufflevector(first[n], last[n], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    *(v16u *)(out + 16 * n) = (even + odd) * scale;
  }
}

TARGET static void CAT(place_, NAME)(int size, ptrdiff_t position, const float *key, float *keys) {
  const int padded = PAIRED(size);
  float *to = keys + position / 16 * 16 * padded + position % 16 * 2;
  // A cache line holds one pair of elements of eight positions: two elements are stored at once.
  for (int i = 0; i + 2 <= size; i += 2) *(float_pair *)(to + 16 * i) = *(const float_pair *)(key + i);
  if (size % 2) {
    to[16 * (size - 1)] = key[size - 1];
    to[16 * (size - 1) + 1] = 0;
  }
}

TARGET static void CAT(scores_, NAME)(int size, ptrdiff_t count, float scale, const float *query, const float *keys,
                                      float *scores) {
  const ptrdiff_t blocks = (count + 15) / 16, padded = PAIRED(size);
  ptrdiff_t n = 0;
  for (; n + SCORE_BLOCKS <= blocks; n += SCORE_BLOCKS)
    CAT(score_blocks_, NAME)(SCORE_BLOCKS, size, scale, query, keys + 16 * n * padded, scores + 16 * n);
#if SCORE_BLOCKS > 2
  for (; n + 2 <= blocks; n += 2)
    CAT(score_blocks_, NAME)(2, size, scale, query, keys + 16 * n * padded, scores + 16 * n);
#endif
  for (; n < blocks; n++) CAT(score_blocks_, NAME)(1, size, scale, query, keys + 16 * n * padded, scores + 16 * n);
  for (ptrdiff_t t = count; t < 16 * blocks; t++) scores[t] = -__builtin_inff();
}

// Four chains of sums, each over every fourth position.
INLINE(void, mix_vectors)(const int vectors, ptrdiff_t count, float factor, const float *weights, const float *values,
                          ptrdiff_t lead, int size, float *out) {
  v16 acc[4][MIX_VECTORS];
  UNROLLED for (int c = 0; c < 4; c++) UNROLLED for (int v = 0; v < vectors; v++) acc[c][v] = 0.0f;
#define ADD(c, t) \
  UNROLLED for (int v = 0; v < vectors; v++) acc[c][v] = FMA(weights[t], AT(values + (t) * lead + 16 * v), acc[c][v]);
  ptrdiff_t t = 0;
  for (; t + 4 <= count; t += 4) {
    ADD(0, t)
    ADD(1, t + 1)
    ADD(2, t + 2)
    ADD(3, t + 3)
  }
  if (t < count) ADD(0, t)
  if (t + 1 < count) ADD(1, t + 1)
  if (t + 2 < count) ADD(2, t + 2)
#undef ADD
  UNROLLED for (int v = 0; v < vectors; v++) {
    const v16 sum = ((acc[0][v] + acc[1][v]) + (acc[2][v] + acc[3][v])) * factor;
    if (16 * v + 16 <= size) {
      *(v16u *)(out + 16 * v) = sum;
    } else {
      for (int lane = 0; lane < size - 16 * v; lane++) out[16 * v + lane] = sum[lane];
    }
  }
}

TARGET static void CAT(mix_, NAME)(int size, ptrdiff_t count, float factor, const float *weights, const float *values,
                                   float *out) {
  const ptrdiff_t lead = (size + 15) / 16 * 16;
  int i = 0;
  for (; i + 16 * MIX_VECTORS <= lead; i += 16 * MIX_VECTORS)
    CAT(mix_vectors_, NAME)(MIX_VECTORS, count, factor, weights, values + i, lead, size - i, out + i);
#if MIX_VECTORS > 2
  for (; i + 32 <= lead; i += 32)
    CAT(mix_vectors_, NAME)(2, count, factor, weights, values + i, lead, size - i, out + i);
#endif
  for (; i < lead; i += 16) CAT(mix_vectors_, NAME)(1, count, factor, weights, values + i, lead, size - i, out + i);
}

// Groups of rows of equal size, at most DOT_ROWS; in a group, sixteen elements of each row alternate. In their original
// layout the rows are often a multiple of 4 KB apart, and a cache cannot hold eight of them.
TARGET static void CAT(spread_, NAME)(int rows, ptrdiff_t k, const float *x, ptrdiff_t lead, float *spread) {
  const int groups = (rows + DOT_ROWS - 1) / DOT_ROWS;
  const ptrdiff_t padded = (k + 15) / 16 * 16;
  for (int g = 0; g < groups; g++) {
    const int first = g * rows / groups, n = (g + 1) * rows / groups - first;
    for (int r = 0; r < n; r++) {
      const float *from = x + (first + r) * lead;
      float *to = spread + first * padded + 16 * r;
      for (ptrdiff_t l = 0; l < k; l += 16, to += 16 * n)
        *(v16u *)to = l + 16 <= k ? AT(from + l) : CAT(part_, NAME)(from + l, k - l, 0.0f);
    }
  }
}

#if DOT_ROWS == 8
// The sums over the lanes of sixteen vectors, each with the additions of `sum` in their order: halves are added, and what
// is left of two vectors becomes one. A third of the instructions of sixteen sums.
INLINE(v16, sums)(const v16 *acc) {
  v16 halves[8], quarters[4], pairs[2];
  UNROLLED for (int n = 0; n < 8; n++) {
    const v16 a = acc[2 * n], b = acc[2 * n + 1];
    halves[n] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
                __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  }
  UNROLLED for (int n = 0; n < 4; n++) {
    const v16 a = halves[2 * n], b = halves[2 * n + 1];
    quarters[n] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
                  __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  }
  UNROLLED for (int n = 0; n < 2; n++) {
    const v16 a = quarters[2 * n], b = quarters[2 * n + 1];
    pairs[n] = __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
               __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
  }
  return __builtin_shufflevector(pairs[0], pairs[1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         __builtin_shufflevector(pairs[0], pairs[1], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
#endif

#undef INLINE
#undef CAT
#undef CAT2
#undef SCORE_BLOCKS
#undef MIX_VECTORS
