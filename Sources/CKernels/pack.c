// Packing of operands for the tiles.
#include "ckernels.h"
#include "pack.h"
#include "transpose.h"
#include <string.h>

// Packs the columns from `j` on, any number of them and with any strides: the rest of the block transposes.
static void pack_rest(ptrdiff_t k, int j, int width, int columns, const float *b, ptrdiff_t row, ptrdiff_t step,
                      float *panel) {
  if (j == columns) return;
  for (ptrdiff_t l = 0; l < k; l++) {
    for (int i = j; i < width; i++) panel[l * columns + i] = b[l * row + i * step];
    for (int i = width; i < columns; i++) panel[l * columns + i] = 0;
  }
}

typedef float vec8 __attribute__((vector_size(32), aligned(4), may_alias));

// out[l][j] = b[j][l] for 8 x 8.
static inline void transpose8(const float *b, ptrdiff_t step, float *out, ptrdiff_t columns) {
  vec8 r[8], s[8];
  for (int j = 0; j < 8; j++) r[j] = *(const vec8 *)(b + j * step);
  for (int j = 0; j < 8; j += 2) {
    s[j] = __builtin_shufflevector(r[j], r[j + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    s[j + 1] = __builtin_shufflevector(r[j], r[j + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int j = 0; j < 8; j += 4) {
    r[j] = __builtin_shufflevector(s[j], s[j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    r[j + 1] = __builtin_shufflevector(s[j], s[j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    r[j + 2] = __builtin_shufflevector(s[j + 1], s[j + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    r[j + 3] = __builtin_shufflevector(s[j + 1], s[j + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int l = 0; l < 4; l++) {
    *(vec8 *)(out + l * columns) = __builtin_shufflevector(r[l], r[l + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    *(vec8 *)(out + (l + 4) * columns) = __builtin_shufflevector(r[l], r[l + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

void pack_panel_plain(ptrdiff_t k, int width, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel) {
  pack_rest(k, 0, width, 4, b, row, step, panel);
}

void pack_panel_vector(ptrdiff_t k, int width, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel) {
  int j = 0;
  if (step == 1 && width == 16) {
    for (ptrdiff_t l = 0; l < k; l++) memcpy(panel + l * 16, b + l * row, 64);
    return;
  }
  if (row == 1) {
    for (; j + 8 <= width; j += 8) {
      ptrdiff_t l = 0;
      for (; l + 8 <= k; l += 8) transpose8(b + j * step + l, step, panel + l * 16 + j, 16);
      for (; l < k; l++)
        for (int i = j; i < j + 8; i++) panel[l * 16 + i] = b[l + i * step];
    }
  }
  pack_rest(k, j, width, 16, b, row, step, panel);
}

void pack_rows_plain(ptrdiff_t k, int rows, const float *a, ptrdiff_t lead, float *packed) {
  for (ptrdiff_t l = 0; l < k; l++)
    for (int i = 0; i < rows; i++) packed[l * CK_ROW_STEP + i] = a[l * lead + i];
}

#if defined(__x86_64__)
// out[l][j] = b[j][l] for 16 x 16, with rows of `out` 32 floats apart. Only `width` rows and `k` columns of b are read; the
// other rows become zeros.
AVX512 static inline __attribute__((always_inline)) void transpose16(const float *b, ptrdiff_t step, float *out,
                                                                     const int width, const ptrdiff_t k) {
  __m512 r[16];
  const __mmask16 there = k >= 16 ? 0xffff : (1 << k) - 1;
  // Prefetch the columns of the next panel.
  for (int j = 0; j < 16; j++) __builtin_prefetch(b + (j + 32) * step, 0, 2);
  for (int j = 0; j < 16; j++) r[j] = j < width ? _mm512_maskz_loadu_ps(there, b + j * step) : _mm512_setzero_ps();
  transpose_16(r);
  for (int l = 0; l < 16; l++)
    if (l < k) _mm512_storeu_ps(out + l * 32, r[l]);
}

AVX512 void pack_panel_avx512(ptrdiff_t k, int width, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel) {
  int j = 0;
  if (step == 1) {
    const __mmask16 low = width >= 16 ? 0xffff : (1 << width) - 1, high = width > 16 ? (1u << (width - 16)) - 1 : 0;
    for (ptrdiff_t l = 0; l < k; l++) {
      // Prefetch the next panel's part of this row: the hardware does not, since rows are too far apart.
      __builtin_prefetch(b + l * row + 32, 0, 2);
      __builtin_prefetch(b + l * row + 48, 0, 2);
      _mm512_storeu_ps(panel + l * 32, _mm512_maskz_loadu_ps(low, b + l * row));
      _mm512_storeu_ps(panel + l * 32 + 16, _mm512_maskz_loadu_ps(high, b + l * row + 16));
    }
    return;
  }
  if (row != 1) return pack_rest(k, 0, width, 32, b, row, step, panel);
  for (; j < 32; j += 16) {
    const float *from = b + j * step;
    float *to = panel + j;
    ptrdiff_t l = 0;
    if (j + 16 <= width)
      for (; l + 16 <= k; l += 16) transpose16(from + l, step, to + l * 32, 16, 16);
    for (; l < k; l += 16) transpose16(from + l, step, to + l * 32, width - j, k - l);
  }
}

AVX512 void pack_rows_avx512(ptrdiff_t k, int rows, const float *a, ptrdiff_t lead, float *packed) {
  const __mmask16 mask = (1 << rows) - 1;
  for (ptrdiff_t l = 0; l < k; l++) {
    __builtin_prefetch(a + l * lead + 16);  // for the next tile
    _mm512_storeu_ps(packed + l * CK_ROW_STEP, _mm512_maskz_loadu_ps(mask, a + l * lead));
  }
}
#endif
