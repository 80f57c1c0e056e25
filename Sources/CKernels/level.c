// The level of vector instructions: the best of the processor, or a lower one that the environment names.
#include "ckernels.h"
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"scalar", "vector", "avx512", "avx512_bf16"};
enum { COUNT = sizeof names / sizeof *names };

const char *ck_level_name(int level) { return level >= 0 && level < COUNT ? names[level] : NULL; }

static int of_processor(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw")) return CK_AVX512_BF16;
  if (__builtin_cpu_supports("avx512f")) return CK_AVX512;
#endif
  return CK_VECTOR;
}

static int chosen(void) {
  const char *wanted = getenv("PERILUNE_KERNELS");
  const int best = of_processor();
  for (int level = 0; wanted && level < best; level++) {
    if (strcmp(wanted, names[level]) == 0) return level;
  }
  return best;
}

int ck_processor_level(void) { return of_processor(); }

int ck_best_level(void) {
  static _Atomic int known = -1;  // two threads that come first find the same
  int level = __c11_atomic_load(&known, __ATOMIC_RELAXED);
  if (level < 0) {
    level = chosen();
    __c11_atomic_store(&known, level, __ATOMIC_RELAXED);
  }
  return level;
}
