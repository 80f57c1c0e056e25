// Packing of operands of products of bf16, rounded from floats; ckernels.h describes the arguments and the order of the elements.
#include "ckernels.h"
#include "pack.h"
#include "transpose.h"
#include <stdint.h>
#include <string.h>

typedef uint32_t float_bits __attribute__((aligned(4), may_alias));

// The nearest bf16 as a float, ties to even, as vcvtneps2bf16 rounds: a denormal becomes a zero, a NaN a quiet one.
static inline __attribute__((always_inline)) uint32_t rounded(uint32_t x) {
  const uint32_t magnitude = x & 0x7fffffff;
  uint32_t nearest = x + 0x7fff + (x >> 16 & 1);
  nearest = magnitude > 0x7f800000 ? x | 0x400000 : nearest;
  nearest = magnitude < 0x00800000 ? x & 0x80000000 : nearest;
  return nearest & 0xffff0000;
}

// Rounds k packed rows of `columns` floats, the second of each pair before the first.
static inline __attribute__((always_inline)) void round_pairs(ptrdiff_t k, const int columns, float *packed) {
  float_bits *p = (float_bits *)packed;
  if (k % 2) memset(p + k * columns, 0, 4 * columns);
  for (ptrdiff_t l = 0; l < k; l += 2, p += 2 * columns)
    for (int j = 0; j < columns; j++) {
      const uint32_t first = rounded(p[j]);
      p[j] = rounded(p[columns + j]);
      p[columns + j] = first;
    }
}

#define ROUND_PANEL(name, columns)                                                                                 \
  void round_panel_##name(ptrdiff_t k, int width, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel) {   \
    pack_panel_##name(k, width, b, row, step, panel);                                                              \
    round_pairs(k, columns, panel);                                                                                \
  }
ROUND_PANEL(plain, 4)
ROUND_PANEL(vector, 16)
#if defined(__x86_64__)
ROUND_PANEL(avx512, 32)
#endif

void round_rows_plain(ptrdiff_t k, int rows, const float *a, ptrdiff_t lead, float *packed) {
  for (ptrdiff_t l = 0; l < k; l++)
    for (int i = 0; i < CK_ROW_STEP; i++) packed[l * CK_ROW_STEP + i] = i < rows ? a[l * lead + i] : 0;
  round_pairs(k, CK_ROW_STEP, packed);
}

void round_row_plain(ptrdiff_t k, const float *a, float *packed) {
  memcpy(packed, a, 4 * k);
  round_pairs(k, 1, packed);
}

void pair_row_plain(ptrdiff_t k, const float *a, float *packed) {
  const float_bits *from = (const float_bits *)a;
  float_bits *to = (float_bits *)packed;
  for (ptrdiff_t l = 0; l + 2 <= k; l += 2) to[l / 2] = rounded(from[l]) >> 16 | rounded(from[l + 1]);
  if (k % 2) to[k / 2] = rounded(from[k - 1]) >> 16;
}

#if defined(__x86_64__)
#define BF16 __attribute__((target("avx512f,avx512bw,avx512bf16")))

// A mask of the first `count` of 16 floats, which may be less than none.
static inline __attribute__((always_inline)) __mmask16 first(ptrdiff_t count) {
  return count >= 16 ? 0xffff : count > 0 ? (1 << count) - 1 : 0;
}

// Up to 32 floats as 16 pairs of bf16; those that are missing are zeros.
BF16 static inline __attribute__((always_inline)) __m512 pairs(const float *x, ptrdiff_t count) {
  const __m512 low = _mm512_maskz_loadu_ps(first(count), x);
  const __m512 high = count > 16 ? _mm512_maskz_loadu_ps(first(count - 16), x + 16) : _mm512_setzero_ps();
  return (__m512)_mm512_cvtne2ps_pbh(high, low);
}

// 16 pairs of which the first elements are floats of one row and the second those of the next.
BF16 static inline __attribute__((always_inline)) __m512 interleaved(__m512 one, __m512 next) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                                         20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return (__m512)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(next, one));
}

// 16 columns of a panel, of which `width` are there, from columns of b, `step` apart.
BF16 static inline __attribute__((always_inline)) void transpose_pairs(const float *b, ptrdiff_t step, float *out,
                                                                       const int width, const ptrdiff_t k) {
  __m512 r[16];
  for (int j = 0; j < 16; j++) r[j] = j < width ? pairs(b + j * step, k) : _mm512_setzero_ps();
  transpose_16(r);
  for (int l = 0; l < 16; l++)
    if (2 * l < k) _mm512_storeu_ps(out + l * 32, r[l]);
}

BF16 void pair_panel_avx512(ptrdiff_t k, int width, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel) {
  if (step == 1) {
    const __mmask16 low = first(width), high = first(width - 16);
    for (ptrdiff_t l = 0; l < k; l += 2, panel += 32) {
      const float *one = b + l * row, *next = one + row;
      // As the packing of floats: the next panel's part of these rows.
      for (int i = 32; i <= 48; i += 16) {
        __builtin_prefetch(one + i, 0, 2);
        __builtin_prefetch(next + i, 0, 2);
      }
      const __mmask16 has_next = l + 1 < k ? 0xffff : 0;
      _mm512_storeu_ps(panel, interleaved(_mm512_maskz_loadu_ps(low, one), _mm512_maskz_loadu_ps(low & has_next, next)));
      _mm512_storeu_ps(panel + 16, interleaved(_mm512_maskz_loadu_ps(high, one + 16),
                                               _mm512_maskz_loadu_ps(high & has_next, next + 16)));
    }
    return;
  }
  for (int j = 0; j < 32; j += 16) {
    const float *from = b + j * step;
    ptrdiff_t l = 0;
    if (j + 16 <= width)
      for (; l + 32 <= k; l += 32) {
        // The columns of the next panel.
        for (int i = 0; i < 16; i++) {
          __builtin_prefetch(from + l + (i + 32) * step, 0, 2);
          __builtin_prefetch(from + l + (i + 32) * step + 16, 0, 2);
        }
        transpose_pairs(from + l, step, panel + j + l * 16, 16, 32);
      }
    for (; l < k; l += 32) transpose_pairs(from + l, step, panel + j + l * 16, width - j, k - l);
  }
}

BF16 void pair_rows_avx512(ptrdiff_t k, int rows, const float *a, ptrdiff_t lead, float *packed) {
  const __mmask16 mask = first(rows);
  for (ptrdiff_t l = 0; l < k; l += 2, packed += CK_ROW_STEP) {
    const float *one = a + l * lead, *next = one + lead;
    __builtin_prefetch(one + 16);  // for the next tile
    __builtin_prefetch(next + 16);
    _mm512_storeu_ps(packed, interleaved(_mm512_maskz_loadu_ps(mask, one),
                                         _mm512_maskz_loadu_ps(l + 1 < k ? mask : 0, next)));
  }
}

BF16 void pair_row_avx512(ptrdiff_t k, const float *a, float *packed) {
  for (; k > 0; k -= 32, a += 32, packed += 16)
    _mm512_mask_storeu_ps(packed, first((k + 1) / 2), pairs(a, k));
}
#endif
