// A workspace that each thread reuses, because its allocation takes longer than a small product. Worker threads live as
// long as the process, so it is never freed.
#include "ckernels.h"
#include <stdlib.h>

static _Thread_local float *blocks[CK_SCRATCH_SLOTS];
static _Thread_local size_t sizes[CK_SCRATCH_SLOTS];

float *ck_scratch(int slot, size_t floats) {
  if (sizes[slot] < floats) {
    free(blocks[slot]);
    sizes[slot] = 0;
    blocks[slot] = aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64);
    if (!blocks[slot]) return NULL;
    sizes[slot] = floats;
  }
  return blocks[slot];
}
