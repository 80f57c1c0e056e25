// C's standard streams as functions, so that what Lua writes and reads goes through the kernel in order.
#pragma once
#include <stddef.h>

// Replaces `stdin`, `stdout` and `stderr` of the C library, which Lua's io library takes when a state is created.
// `write` gets the number of the stream, 1 or 2, and all the bytes; `read` gives at most `capacity` bytes, 0 at the end
// of the input and -1, with errno set, for an error. In a forked child the streams are the descriptors 1 and 2, and the
// input is empty. Returns 0, or -1.
int shim_streams_replace(void (*_Nonnull write)(int stream, const char *_Nonnull bytes, size_t count),
                         long (*_Nonnull read)(char *_Nonnull bytes, size_t capacity));
// Forgets the input that has been read ahead, and that it has ended: the next read asks again.
void shim_streams_forget_input(void);
// Nonzero in a process that was forked after the streams were replaced.
int shim_streams_is_child(void);
