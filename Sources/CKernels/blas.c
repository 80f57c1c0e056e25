// OpenBLAS as a library that computes on our threads, and that may be refused memory; see ckernels.h.
#include "ckernels.h"
#include <limits.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

// OpenBLAS's own, which its headers do not declare.
void *blas_memory_alloc(int);
void blas_memory_free(void *);

// As it is loaded, OpenBLAS starts a thread for each further core, with a buffer each. That is before `main` and before
// constructors, so a setting comes too late. It asks this function of its own for the count that the environment sets, and
// a program's function of that name is the one that is called.
__attribute__((disable_sanitizer_instrumentation)) int openblas_num_threads_env(void);

int openblas_num_threads_env(void) { return 1; }

// A buffer of 128 MB, and what an allocator adds to place it.
static const size_t buffer_size = (size_t)136 << 20;

int kernel_reserve_blas(int threads) {
  static _Atomic int reserved;
  if (threads <= reserved) return 1;
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    reserved = INT_MAX;
    return 1;
  }
  size_t size = (size_t)(threads - reserved) * buffer_size;
  void *room = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return 0;
  munmap(room, size);
  void *buffers[threads];
  for (int i = 0; i < threads; i++) buffers[i] = blas_memory_alloc(0);
  for (int i = 0; i < threads; i++) blas_memory_free(buffers[i]);
  reserved = threads;
  return 1;
}
