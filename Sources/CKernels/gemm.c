// See ckernels.h.
#include "ckernels.h"
#include <string.h>

#define NAME scalar
#define WIDTH 2
#define ROWS 4
#define TARGET
#include "gemm_tile.h"

#define NAME vector
#define WIDTH 8
#define ROWS 6
#define TARGET
#include "gemm_tile.h"

#if defined(__x86_64__)
#define NAME avx512
#define WIDTH 16
#define ROWS 14
#define TARGET __attribute__((target("avx512f")))
#include "gemm_tile.h"
#endif

int ck_best_level(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return CK_AVX512;
#endif
  return CK_VECTOR;
}

const ck_level *ck_gemm_level(int limit) {
#if defined(__x86_64__)
  if (limit >= CK_AVX512 && ck_best_level() == CK_AVX512) return &level_avx512;
#endif
  return limit >= CK_VECTOR ? &level_vector : &level_scalar;
}

typedef float vec8 __attribute__((vector_size(32), aligned(4), may_alias));

// out[l][j] = rows[j][l] for 8 x 8.
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

void ck_pack_panel(ptrdiff_t k, int width, int columns, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel) {
  if (step == 1) {
    for (ptrdiff_t l = 0; l < k; l++) {
      float *to = panel + l * columns;
      const float *from = b + l * row;
      if (width == 32 && columns == 32) {
        memcpy(to, from, 128);
      } else if (width == 16 && columns == 16) {
        memcpy(to, from, 64);
      } else {
        for (int j = 0; j < width; j++) to[j] = from[j];
        for (int j = width; j < columns; j++) to[j] = 0;
      }
    }
    return;
  }
  int j = 0;
  if (row == 1) {
    for (; j + 8 <= width; j += 8) {
      ptrdiff_t l = 0;
      for (; l + 8 <= k; l += 8) transpose8(b + j * step + l, step, panel + l * columns + j, columns);
      for (; l < k; l++)
        for (int i = j; i < j + 8; i++) panel[l * columns + i] = b[l + i * step];
    }
  }
  for (ptrdiff_t l = 0; l < k; l++) {
    for (int i = j; i < width; i++) panel[l * columns + i] = b[l * row + i * step];
    for (int i = width; i < columns; i++) panel[l * columns + i] = 0;
  }
}

void ck_pack_rows(ptrdiff_t k, int rows, const float *a, ptrdiff_t lead, float *packed) {
#define CASE(n) \
  case n: \
    for (ptrdiff_t l = 0; l < k; l++) memcpy(packed + l * n, a + l * lead, n * sizeof(float)); \
    return;
  switch (rows) {
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
  }
#undef CASE
}
