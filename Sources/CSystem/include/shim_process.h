// The process: jobs that it forks, paths that it exchanges, output that it loses.
//
// Swift marks fork as unavailable, because Swift's own runtime threads would not survive it.
// Perilune forks only from the interpreter's thread while its worker threads are idle. The child starts its
// own workers. In the sandbox (shim_sandbox.h) fork fails with EPERM.
#pragma once

// As fork(2), after flushing C's output streams so that nothing is written twice. In the child, `write_end`
// is where to send; in the parent, `read_end` (non-blocking) is where to read. `threads` is the child's count of
// threads (shim_threads.h), `count` at first or, where that is 0, the parent's. The child reads it and the parent may
// change it; the parent gives it back with shim_release_threads. Returns -1 with errno on failure.
int shim_fork_with_pipe(int *read_end, int *write_end, int **threads, int count);
// Ends a forked child without running the parent's exit handlers.
_Noreturn void shim_exit_child(int status);

// Gives each of two existing paths the contents of the other, atomically. Returns 0, or -1 with errno: EINVAL or ENOSYS
// where the file system or the system cannot.
int shim_exchange_paths(const char *a, const char *b);

// From now on the program's end says if what was printed could not be written, as on a full disk, and its status is then 1
// where it was 0.
void shim_say_lost_output(void);
