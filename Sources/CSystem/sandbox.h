// What the C files of the sandbox share: sandbox_paths.c, sandbox_filter.c, sandbox_landlock.c, sandbox.c.
#pragma once
#ifdef __linux__
#include <limits.h>
#include <stdint.h>

// A folder below which files may be used.
typedef struct sandbox_root {
  int handle;
  int read_only;
  char given[PATH_MAX];  // absolute, as the command line names it
  char real[PATH_MAX];   // without links
} sandbox_root;

enum { SANDBOX_ROOTS_MAX = 64 };
extern sandbox_root sandbox_roots[SANDBOX_ROOTS_MAX];
extern int sandbox_root_count;
// The folder that relative paths start from.
extern char sandbox_folder[PATH_MAX];
// The executable, which no file of a root replaces.
extern char sandbox_program[PATH_MAX];

// A number that only the handler knows. A system call that carries it as its sixth argument passes the filter.
extern uint64_t sandbox_pass;

// The result of a system call that the filter gave to the handler: a value, or an error below zero.
long sandbox_emulate(long number, const unsigned long arguments[6]);
// Whether the handler may wait long for the system call.
int sandbox_may_wait(long number);
// Notes why a call was refused; gives -EACCES.
long sandbox_refuse(const char *reason);

// Each returns 0, or -1 with errno.
int sandbox_filter_install(void);
// Also 0 where the kernel has no Landlock: the handler does not depend on it.
int sandbox_landlock_install(void);
// Counts bytes written; ends the process beyond the limit.
void sandbox_count_output(long bytes);
#endif
