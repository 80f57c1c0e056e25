// Numbers below the least normal one as zeros, operands and results: MXCSR's DAZ and FTZ, or FPCR's FZ.
#include "ckernels.h"
#if defined(__x86_64__)
#include <immintrin.h>

unsigned ck_flush_denormals(void) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);
  return before;
}

void ck_restore_denormals(unsigned before) { _mm_setcsr(before); }
#elif defined(__aarch64__)
#include <stdint.h>

unsigned ck_flush_denormals(void) {
  uint64_t before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(before | 1 << 24) : "memory");
  return (unsigned)before;
}

void ck_restore_denormals(unsigned before) {
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)before) : "memory");
}
#endif
