// Memory that each thread keeps from call to call, because asking for it takes longer than a small product. Our threads
// live as long as the process, so nothing is given back.
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
