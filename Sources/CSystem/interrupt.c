// The interrupt flag. Only an atomic store happens in the signal handler.
#include "shim_interrupt.h"
#include <stdatomic.h>

static atomic_int pending;

int shim_interrupt_pending(void) { return atomic_load_explicit(&pending, memory_order_relaxed); }
void shim_interrupt_set(void) { atomic_store(&pending, 1); }
void shim_interrupt_clear(void) { atomic_store(&pending, 0); }
