// The transposition of 16 x 16 floats, or pairs of bf16, in registers.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f")))

// Makes columns rows: single floats, pairs, fours and eights are exchanged in turn.
AVX512 static inline __attribute__((always_inline)) void transpose_16(__m512 r[16]) {
  __m512 s[16];
  for (int j = 0; j < 16; j += 2) {
    s[j] = _mm512_unpacklo_ps(r[j], r[j + 1]);
    s[j + 1] = _mm512_unpackhi_ps(r[j], r[j + 1]);
  }
#define PAIRS(half, x, y) _mm512_castpd_ps(_mm512_unpack##half##_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)))
  for (int j = 0; j < 16; j += 4) {
    r[j] = PAIRS(lo, s[j], s[j + 2]);
    r[j + 1] = PAIRS(hi, s[j], s[j + 2]);
    r[j + 2] = PAIRS(lo, s[j + 1], s[j + 3]);
    r[j + 3] = PAIRS(hi, s[j + 1], s[j + 3]);
  }
#undef PAIRS
  // Now r[4 q + l] holds, in its four lanes, row l, l + 4, l + 8 and l + 12 of columns 4 q to 4 q + 3.
  for (int l = 0; l < 4; l++) {
    s[l] = _mm512_shuffle_f32x4(r[l], r[4 + l], 0x88);
    s[4 + l] = _mm512_shuffle_f32x4(r[8 + l], r[12 + l], 0x88);
    s[8 + l] = _mm512_shuffle_f32x4(r[l], r[4 + l], 0xdd);
    s[12 + l] = _mm512_shuffle_f32x4(r[8 + l], r[12 + l], 0xdd);
  }
  for (int l = 0; l < 4; l++) {
    r[l] = _mm512_shuffle_f32x4(s[l], s[4 + l], 0x88);
    r[4 + l] = _mm512_shuffle_f32x4(s[8 + l], s[12 + l], 0x88);
    r[8 + l] = _mm512_shuffle_f32x4(s[l], s[4 + l], 0xdd);
    r[12 + l] = _mm512_shuffle_f32x4(s[8 + l], s[12 + l], 0xdd);
  }
}
#endif
