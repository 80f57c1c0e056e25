// The kept keys of the terminal. Only the thread of the interpreter uses them.
#include "shim_keys.h"
#include <stdio.h>

enum { CAPACITY = 4096 };
static unsigned char kept[CAPACITY];
static size_t first, last;
static void (*collector)(void);
static int has_reader;

void shim_keys_keep(const unsigned char *keys, size_t count) {
  if (first == last) first = last = 0;
  for (size_t i = 0; i < count && last < CAPACITY; i++) kept[last++] = keys[i];
}

int shim_keys_next(void) { return first < last ? kept[first++] : -1; }

int shim_keys_are_kept(void) { return first < last; }

void shim_keys_expect(void (*collect)(void)) { collector = collect; }

void shim_keys_collect(void) {
  if (collector != NULL) collector();
}

void shim_keys_have_reader(void) { has_reader = 1; }

void shim_keys_give_to_stdin(void) {
  while (!has_reader && first < last && ungetc(kept[last - 1], stdin) != EOF) last--;
}
