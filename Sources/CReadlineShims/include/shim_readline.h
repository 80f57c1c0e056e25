// Line editing for the prompt: readline through its callbacks, so that Ctrl-C clears a line instead of ending
// the session.
#pragma once

enum { SHIM_LINE = 0, SHIM_END_OF_INPUT = 1, SHIM_INTERRUPTED = 2 };

// Reads one line into *line (to be freed with `free`). On a terminal Ctrl-C gives SHIM_INTERRUPTED,
// and a signal that ends or stops the process restores the terminal first.
int shim_read_line(const char *_Nonnull prompt, char *_Nullable *_Nonnull line);
// Completes words: returns a malloc'ed, NULL-terminated array of malloc'ed candidates, or NULL. `before` is
// the line up to the word.
typedef char *_Nullable *_Nullable (*shim_completer)(const char *_Nonnull word, const char *_Nonnull before);
void shim_readline_setup(const char *_Nonnull name, shim_completer _Nonnull completer);
// History: `shim_history_add` skips a repetition of the last entry.
void shim_history_add(const char *_Nonnull entry);
