// See shim_refusals.h. Tensors are allocated on any thread, so a lock guards the counts; nothing is locked while nothing
// is refused.
#include "shim_refusals.h"
#include <pthread.h>

_Atomic int shim_refused_kinds;
static shim_refusals now;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

shim_refusals shim_refuse(shim_refusals plan) {
  pthread_mutex_lock(&lock);
  shim_refusals before = now;
  now = plan;
  shim_refused_kinds = plan.kinds;
  pthread_mutex_unlock(&lock);
  return before;
}

int shim_count_refusal(int kind) {
  int is_refused = 0;
  pthread_mutex_lock(&lock);
  if (!(now.kinds & kind)) {
  } else if (now.skipped > 0) {
    now.skipped--;
  } else if (now.count > 0) {
    now.count--;
    now.refused++;
    is_refused = 1;
  }
  pthread_mutex_unlock(&lock);
  return is_refused;
}
