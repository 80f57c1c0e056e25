// Vectors of sixteen lanes, for the kernels of rows and of decoding.
#pragma once
#include <stddef.h>

// Vectors are passed only to functions that are always inlined, so their calling convention does not matter.
#pragma clang diagnostic ignored "-Wpsabi"
// Multiply-adds are fused only where the code says so: otherwise the levels could differ.
#pragma STDC FP_CONTRACT OFF

typedef float v16 __attribute__((ext_vector_type(16)));
typedef float v16u __attribute__((ext_vector_type(16), aligned(4), may_alias));

#define FMA(a, b, c) __builtin_elementwise_fma((v16)(a), (v16)(b), (v16)(c))

// Functions of one level with its attribute TARGET. Vectors may not be passed between levels.
//   part(x, count, missing)  up to sixteen floats, padded with `missing`
//   sum(v)                   the sum of the lanes, in a fixed order
#define LANE_FUNCTIONS(part, sum)                                                                              \
  TARGET static inline __attribute__((always_inline)) v16 part(const float *x, ptrdiff_t count, float missing) { \
    v16 v = missing;                                                                                           \
    for (ptrdiff_t lane = 0; lane < count; lane++) v[lane] = x[lane];                                          \
    return v;                                                                                                  \
  }                                                                                                            \
  TARGET static inline __attribute__((always_inline)) float sum(v16 v) {                                       \
    const float __attribute__((ext_vector_type(8))) a = v.lo + v.hi;                                           \
    const float __attribute__((ext_vector_type(4))) b = a.lo + a.hi;                                           \
    return (b[0] + b[2]) + (b[1] + b[3]);                                                                      \
  }
