// Counts what a process asks the system's allocator for, by size, and adds a line of counts to a file when it ends. So does
// every process that it starts.
//
//     cc -O2 -shared -fPIC -o count_allocations.so count_allocations.c
//     COUNT_ALLOCATIONS=counts.json LD_PRELOAD=./count_allocations.so program
//
// Two runs, of n and of 2n steps, differ by n steps in the steady state. Small is below 1 KB, large from 64 KB on.
// glibc calls mmap and brk from inside malloc, where no library can stand between: a block that has pages of its own
// says so in its header, and the end of the heap is looked at after every call. mimalloc has no header, and its calls of
// mmap come here. With COUNT_ALLOCATIONS_STACKS=65536 the
// file also has the stacks of blocks at least as large, those after the first 10,000 calls, innermost first, for addr2line.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

enum { small, middle, large, mapped, unmapped, mmaps, munmaps, heap_moves, kinds };
static const char *const names[kinds] = {"small", "middle", "large", "mapped", "unmapped", "mmaps", "munmaps", "heap_moves"};
static atomic_long calls[kinds], bytes[kinds];
static _Atomic(void *) heap_end;
static size_t stacks_from = SIZE_MAX;

enum { stacks_max = 1024, depth = 14 };
static struct { void *frames[depth]; long count, bytes; } stacks[stacks_max];
static atomic_flag stacks_lock = ATOMIC_FLAG_INIT;
static _Thread_local int inside;

static void add(int kind, size_t size) {
  atomic_fetch_add_explicit(&calls[kind], 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&bytes[kind], (long)size, memory_order_relaxed);
}

static void remember_stack(size_t size) {
  void *frames[depth + 2] = {0};
  inside = 1;
  backtrace(frames, depth + 2);
  inside = 0;
  while (atomic_flag_test_and_set(&stacks_lock)) {}
  for (int i = 0; i < stacks_max; i++) {
    int same = 1;
    for (int k = 0; k < depth; k++) same &= stacks[i].frames[k] == frames[k + 2];
    if (stacks[i].count > 0 && !same) continue;
    for (int k = 0; k < depth; k++) stacks[i].frames[k] = frames[k + 2];
    stacks[i].count++;
    stacks[i].bytes += (long)size;
    break;
  }
  atomic_flag_clear(&stacks_lock);
}

// Defined where mimalloc is in glibc's place.
extern int mi_version(void) __attribute__((weak));

// glibc keeps a block's size in the word before it; bit 1 says that it has a mapping of its own.
static int has_mapping(void *block) { return block && !mi_version && ((size_t *)block)[-1] & 2; }

static void watch_heap(void) {
  void *now = sbrk(0);
  if (atomic_exchange_explicit(&heap_end, now, memory_order_relaxed) != now) add(heap_moves, 0);
}

static void *counted(void *block, size_t size) {
  add(size < 1024 ? small : size < 65536 ? middle : large, size);
  if (has_mapping(block)) add(mapped, size);
  watch_heap();
  if (size >= stacks_from && !inside && atomic_load(&calls[small]) > 10000) remember_stack(size);
  return block;
}

void *malloc(size_t size) { return counted(__libc_malloc(size), size); }
void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size), count * size); }
void *realloc(void *block, size_t size) { return counted(__libc_realloc(block, size), size); }
void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size), size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
  void *made = memalign(alignment, size);
  if (!made) return ENOMEM;
  *block = made;
  return 0;
}

void free(void *block) {
  if (has_mapping(block)) add(unmapped, 0);
  __libc_free(block);
  watch_heap();
}

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset) {
  add(mmaps, size);
  return (void *)syscall(SYS_mmap, at, size, protection, flags, file, offset);
}

int munmap(void *at, size_t size) {
  add(munmaps, size);
  return (int)syscall(SYS_munmap, at, size);
}

__attribute__((constructor)) static void start(void) {
  const char *least = getenv("COUNT_ALLOCATIONS_STACKS");
  if (least) stacks_from = strtoul(least, NULL, 10);
}

__attribute__((destructor)) static void finish(void) {
  const char *path = getenv("COUNT_ALLOCATIONS");
  FILE *file = path ? fopen(path, "a") : NULL;
  if (!file) return;
  inside = 1;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  fprintf(file, "{\"process\": %d, \"page_faults\": %ld", getpid(), usage.ru_minflt);
  for (int i = 0; i < kinds; i++) fprintf(file, ", \"%s\": %ld, \"%s_bytes\": %ld", names[i], calls[i], names[i], bytes[i]);
  fprintf(file, "}\n");
  for (int i = 0; i < stacks_max && stacks[i].count > 0; i++) {
    fprintf(file, "%ld times, %ld bytes:", stacks[i].count, stacks[i].bytes);
    for (int k = 0; k < depth && stacks[i].frames[k]; k++) {
      Dl_info where;
      if (dladdr(stacks[i].frames[k], &where))
        fprintf(file, " %s+0x%zx", where.dli_fname, (size_t)((char *)stacks[i].frames[k] - (char *)where.dli_fbase));
    }
    fprintf(file, "\n");
  }
  fclose(file);
}
