// The sandbox of `--sandbox`: the kernel hands every system call that names a file to a handler of this process, which
// opens it below one of the named roots or not at all; calls that start processes, use the network or reach into other
// processes fail. Nothing takes it off again.
//
// Linux only: elsewhere shim_sandbox_enter fails with ENOSYS.
#pragma once
#include <stdint.h>

// Adds a root, a folder; its handle stays open. Returns 0, or -1 with errno. Before shim_sandbox_enter only.
int shim_sandbox_root(const char *_Nonnull path, int read_only);
// The bytes that the process may write from now on, to all files and terminals together. Beyond it the process ends
// with 1.
void shim_sandbox_limit_output(int64_t bytes);
// Closes the sandbox. Returns null, or the name of the step that failed, with errno.
const char *_Nullable shim_sandbox_enter(void);
int shim_sandbox_is_on(void);
// Why the last call that named a file was refused, and what would allow it; null if it was not. Reading clears it.
const char *_Nullable shim_sandbox_refusal(void);
