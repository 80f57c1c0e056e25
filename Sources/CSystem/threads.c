// The shared count of threads; see shim_threads.h.
#define _GNU_SOURCE
#include "shim_threads.h"
#include <stddef.h>
#include <sys/mman.h>

static int own;
int *shim_threads_word = &own;

int *shim_shared_threads(void) {
  int *word = mmap(NULL, sizeof *word, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (word == MAP_FAILED) return NULL;
  shim_set_threads(word, shim_threads());
  return word;
}

void shim_release_threads(int *word) { munmap(word, sizeof *word); }
