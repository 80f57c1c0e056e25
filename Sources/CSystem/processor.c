// See shim_processor.h. Compiled for the oldest x86-64, as the check must run where the rest of the program
// cannot.
#define _GNU_SOURCE
#include "shim_processor.h"
#include <sched.h>
#include <stddef.h>
#include <unistd.h>

#if defined(__x86_64__)
#define BASELINE __attribute__((target("arch=x86-64")))
#else
#define BASELINE
#endif

BASELINE const char *shim_processor_refusal(int has_avx2, int has_fma) {
  if (has_avx2 && has_fma) return NULL;
  if (has_fma) return "perilune: this processor lacks AVX2, which Perilune's kernels need (x86-64-v3: Intel from 2013, AMD from 2015).\n";
  if (has_avx2) return "perilune: this processor lacks FMA, which Perilune's kernels need (x86-64-v3: Intel from 2013, AMD from 2015).\n";
  return "perilune: this processor lacks AVX2 and FMA, which Perilune's kernels need (x86-64-v3: Intel from 2013, AMD from 2015).\n";
}

BASELINE void shim_require_processor(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const char *refusal = shim_processor_refusal(__builtin_cpu_supports("avx2"), __builtin_cpu_supports("fma"));
  if (!refusal) return;
  size_t length = 0;
  while (refusal[length]) length++;
  if (write(STDERR_FILENO, refusal, length) < 0) _exit(1);
  _exit(1);
#endif
}

int shim_affinity_count(void) {
#ifdef __linux__
  // The mask of a machine with many processors does not fit in a cpu_set_t: the kernel then refuses it with
  // EINVAL.
  for (int processors = 1024; processors <= 1 << 20; processors *= 2) {
    cpu_set_t *set = CPU_ALLOC(processors);
    if (set == NULL) return 0;
    size_t size = CPU_ALLOC_SIZE(processors);
    int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
#endif
  return 0;
}
