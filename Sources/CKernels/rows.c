// The kernels of rows at each level, and the choice of a level.
#include "ckernels.h"
#include "vectors.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef int i16 __attribute__((ext_vector_type(16)));

#define GELU_A 0.79788456f  // sqrt(2 / pi)
#define GELU_B 0.044715f

// A loop over vectors. Missing lanes of the last vector are read as 0, or as given, and not written.
#define EACH(n) for (ptrdiff_t i = 0, left = n; left > 0; i += 16, left -= 16)
#define LOAD(x) LOAD_OR(x, 0.0f)
#define LOAD_OR(x, missing) (left >= 16 ? *(const v16u *)((x) + i) : LOAD_PART((x) + i, left, missing))
#define STORE(v, y)                          \
  do {                                       \
    if (left >= 16)                          \
      *(v16u *)((y) + i) = (v);              \
    else                                     \
      STORE_PART((v), (y) + i, left);        \
  } while (0)

static inline __attribute__((always_inline)) void store_part(v16 v, float *y, ptrdiff_t count) {
  for (ptrdiff_t lane = 0; lane < count; lane++) y[lane] = v[lane];
}

#define NAME vector
#define TARGET
#define LOAD_PART part_vector
#define STORE_PART store_part
#include "rows.h"

#if defined(__x86_64__)
#define NAME avx512
#define MASK(count) ((__mmask16)((1 << (count)) - 1))
#define LOAD_PART(x, count, missing) ((v16)_mm512_mask_loadu_ps(_mm512_set1_ps(missing), MASK(count), x))
#define STORE_PART(v, y, count) _mm512_mask_storeu_ps(y, MASK(count), (__m512)(v))
#define TARGET __attribute__((target("avx512f")))
#include "rows.h"
#endif

const ck_rows *ck_rows_level(int limit) {
#if defined(__x86_64__)
  if (limit >= CK_AVX512 && ck_best_level() >= CK_AVX512) return &rows_of_avx512;
#endif
  return &rows_of_vector;
}
