// The number of threads that the kernels use. A forked job has it in memory that it shares with its parent, so that the
// parent can give the job the cores that other jobs have left.
#pragma once

// Where the count of this process is.
extern int *shim_threads_word;

// 0 until a count is set.
static inline int shim_threads(void) { return __atomic_load_n(shim_threads_word, __ATOMIC_RELAXED); }
static inline void shim_set_threads(int *word, int count) { __atomic_store_n(word, count, __ATOMIC_RELAXED); }

// A count that is shared with a child to come, and equals that of this process. Returns null with errno on failure.
int *shim_shared_threads(void);
void shim_release_threads(int *word);
