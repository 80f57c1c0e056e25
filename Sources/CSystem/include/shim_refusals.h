// Allocations that are refused though there is memory, for tests of what a program does without any.
#pragma once
#include <stdint.h>

enum { SHIM_LUA_HEAP = 1, SHIM_TENSORS = 2 };

// Which allocations are refused: of these kinds, `skipped` are granted, and the next `count` are not.
typedef struct {
  int kinds;  // 0: none is refused
  int64_t skipped, count;
  int64_t refused;  // so far
} shim_refusals;

// Replaces what is refused from now on, and gives what was.
shim_refusals shim_refuse(shim_refusals plan);
extern _Atomic int shim_refused_kinds;
int shim_count_refusal(int kind);

// Whether this allocation is refused. A call counts as one allocation of that kind.
static inline int shim_is_refused(int kind) {
  return (__c11_atomic_load(&shim_refused_kinds, __ATOMIC_RELAXED) & kind) && shim_count_refusal(kind);
}
