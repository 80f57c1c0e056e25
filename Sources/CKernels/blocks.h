// One level of the decoding of stored weights. Included once for each level with NAME and TARGET, as decode.h.
//
// A product of a scale and a small integer is exact, and the types with a minimum round once more, so all levels give the same
// bits: those of PyPI's gguf 0.19.0 (gguf/quants.py). Loops over 32 elements are made vectors by the compiler; those over 16
// it unrolls, in twice the time, so they are vectors here.

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)
// Defines the decoding of `count` blocks by that of one, from `p` to `y`.
#define DECODE(name, bytes, elements)                                                                          \
  TARGET static inline __attribute__((always_inline)) void CAT(name##_one_, NAME)(const uint8_t *restrict p,   \
                                                                                 float *restrict y);           \
  TARGET static void CAT(name##_, NAME)(ptrdiff_t count, const uint8_t *p, float *y) {                         \
    for (ptrdiff_t i = 0; i < count; i++) CAT(name##_one_, NAME)(p + (bytes) * i, y + (elements) * i);         \
  }                                                                                                            \
  TARGET static inline __attribute__((always_inline)) void CAT(name##_one_, NAME)(const uint8_t *restrict p,   \
                                                                                 float *restrict y)

TARGET static void CAT(f32_, NAME)(ptrdiff_t count, const uint8_t *p, float *y) { memcpy(y, p, 4 * count); }

TARGET static void CAT(f16_, NAME)(ptrdiff_t count, const uint8_t *restrict p, float *restrict y) {
  const half_bits *x = (const half_bits *)p;
  for (ptrdiff_t i = 0; i < count; i++) y[i] = widened(x[i]);
}

TARGET static void CAT(bf16_, NAME)(ptrdiff_t count, const uint8_t *restrict p, float *restrict y) {
  const half_bits *x = (const half_bits *)p;
  float_bits *to = (float_bits *)y;
  for (ptrdiff_t i = 0; i < count; i++) to[i] = (uint32_t)x[i] << 16;
}

// d, 16 bytes of two: d (q - 8).
DECODE(q4_0, 18, 32) {
  const float d = half(p);
  const u8x16 q = BYTES(p + 2);
  STORE(y, d * SIGNED((q & 15) - 8));
  STORE(y + 16, d * SIGNED((q >> 4) - 8));
}

// d, m, 16 bytes of two: d q + m.
DECODE(q4_1, 20, 32) {
  const float d = half(p), m = half(p + 2);
  const u8x16 q = BYTES(p + 4);
  STORE(y, d * FLOATS(q & 15) + m);
  STORE(y + 16, d * FLOATS(q >> 4) + m);
}

// d, 32 fifth bits, 16 bytes of two: d (q - 16).
DECODE(q5_0, 22, 32) {
  const float d = half(p);
  const uint32_t high = word(p + 2);
  const u8x16 q = BYTES(p + 6);
  STORE(y, d * __builtin_convertvector(FIFTH(q & 15, high) - 16, v16));
  STORE(y + 16, d * __builtin_convertvector(FIFTH(q >> 4, high >> 16) - 16, v16));
}

// d, m, 32 fifth bits, 16 bytes of two: d q + m.
DECODE(q5_1, 24, 32) {
  const float d = half(p), m = half(p + 2);
  const uint32_t high = word(p + 4);
  const u8x16 q = BYTES(p + 8);
  STORE(y, d * __builtin_convertvector(FIFTH(q & 15, high), v16) + m);
  STORE(y + 16, d * __builtin_convertvector(FIFTH(q >> 4, high >> 16), v16) + m);
}

// d, 32 signed bytes: d q.
DECODE(q8_0, 34, 32) {
  const float d = half(p);
  for (int i = 0; i < 32; i++) y[i] = d * (float)(int8_t)p[2 + i];
}

// The types of 256 elements have sub-blocks of 16 or 32, each with a scale that is quantised itself.

// 16 scales and minima of four bits, 64 bytes of four, d, dmin. 128 elements are in 32 bytes, 32 of them at each shift.
DECODE(q2_k, 84, 256) {
  const float d = half(p + 80), dmin = half(p + 82);
  for (int sub = 0; sub < 16; sub++) {
    const float scale = d * (float)(p[sub] & 15), minimum = dmin * (float)(p[sub] >> 4);
    const uint8_t *q = p + 16 + 32 * (sub / 8) + 16 * (sub % 2);
    const uint8_t shift = 2 * (sub / 2 % 4);
    STORE(y + 16 * sub, scale * FLOATS(BYTES(q) >> shift & 3) - minimum);
  }
}

// 256 third bits, 64 bytes of four, 16 scales of six bits in 12 bytes, d. A third bit that is not set takes four off.
DECODE(q3_k, 110, 256) {
  const float d = half(p + 108);
  const uint8_t *packed = p + 96;
  for (int sub = 0; sub < 16; sub++) {
    const int low = sub < 8 ? packed[sub] & 15 : packed[sub - 8] >> 4, high = packed[8 + sub % 4] >> 2 * (sub / 4) & 3;
    const float scale = d * (float)((low | high << 4) - 32);
    const uint8_t *q = p + 32 + 32 * (sub / 8) + 16 * (sub % 2), *mask = p + 16 * (sub % 2);
    const uint8_t shift = 2 * (sub / 2 % 4), bit = sub / 2;
    STORE(y + 16 * sub, scale * SIGNED((BYTES(q) >> shift & 3) - 4 + ((BYTES(mask) >> bit & 1) << 2)));
  }
}

// d, dmin, eight scales and minima of six bits in 12 bytes, 128 bytes of two.
DECODE(q4_k, 144, 256) {
  const float d = half(p), dmin = half(p + 2);
  for (int sub = 0; sub < 8; sub++) {
    const float scale = d * scale_of(p + 4, sub), minimum = dmin * minimum_of(p + 4, sub);
    const uint8_t *q = p + 16 + 32 * (sub / 2);
    const int shift = 4 * (sub % 2);
    for (int i = 0; i < 32; i++) y[32 * sub + i] = scale * (float)(q[i] >> shift & 15) - minimum;
  }
}

// d, dmin, eight scales and minima, 256 fifth bits, 128 bytes of two.
DECODE(q5_k, 176, 256) {
  const float d = half(p), dmin = half(p + 2);
  for (int sub = 0; sub < 8; sub++) {
    const float scale = d * scale_of(p + 4, sub), minimum = dmin * minimum_of(p + 4, sub);
    const uint8_t *q = p + 48 + 32 * (sub / 2), *high = p + 16;
    const int shift = 4 * (sub % 2);
    for (int i = 0; i < 32; i++)
      y[32 * sub + i] = scale * (float)((q[i] >> shift & 15) | (high[i] >> sub & 1) << 4) - minimum;
  }
}

// 256 low halves, 256 pairs of high bits, 16 signed scales, d: d s (q - 32). 128 elements take 64 bytes of low halves, twice
// over, and 32 bytes of high bits, four times over.
DECODE(q6_k, 210, 256) {
  const float d = half(p + 208);
  for (int sub = 0; sub < 16; sub++) {
    const float scale = d * (float)(int8_t)p[192 + sub];
    const int part = sub / 8, quarter = sub / 2 % 4, side = 16 * (sub % 2);
    const uint8_t *low = p + 64 * part + 32 * (quarter % 2) + side, *high = p + 128 + 32 * part + side;
    const uint8_t low_shift = 4 * (quarter / 2), high_shift = 2 * quarter;
    const u8x16 q = (BYTES(low) >> low_shift & 15) | (BYTES(high) >> high_shift & 3) << 4;
    STORE(y + 16 * sub, scale * SIGNED(q - 32));
  }
}

static ck_blocks CAT(blocks_of_, NAME)(int type) {
  switch (type) {
    case CK_F32: return CAT(f32_, NAME);
    case CK_F16: return CAT(f16_, NAME);
    case CK_BF16: return CAT(bf16_, NAME);
    case CK_Q4_0: return CAT(q4_0_, NAME);
    case CK_Q4_1: return CAT(q4_1_, NAME);
    case CK_Q5_0: return CAT(q5_0_, NAME);
    case CK_Q5_1: return CAT(q5_1_, NAME);
    case CK_Q8_0: return CAT(q8_0_, NAME);
    case CK_Q2_K: return CAT(q2_k_, NAME);
    case CK_Q3_K: return CAT(q3_k_, NAME);
    case CK_Q4_K: return CAT(q4_k_, NAME);
    case CK_Q5_K: return CAT(q5_k_, NAME);
    case CK_Q6_K: return CAT(q6_k_, NAME);
    default: return NULL;
  }
}

#undef DECODE
#undef CAT
#undef CAT2
#undef NAME
#undef TARGET
