// Line editing for the prompt: readline through its callbacks, so that Ctrl-C clears a line instead of ending
// the session, and with an own drawing of the line, so that it can have colours and several lines.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SHIM_LINE = 0, SHIM_END_OF_INPUT = 1, SHIM_INTERRUPTED = 2 };

// What the editor's owner does. Without `draw` and `leave` readline draws the line, as on a dumb terminal.
typedef struct {
  // Draws the prompt and the line.
  void (*_Nullable draw)(void);
  // Draws them for the last time, followed by `mark`, and leaves the cursor on a new line.
  void (*_Nullable leave)(const char *_Nonnull mark);
  // The candidates for the word of the line from `start` to `end`: a malloc'ed, NULL-terminated array of
  // malloc'ed strings, or NULL.
  char *_Nullable *_Nullable (*_Nonnull complete)(int start, int end);
  // Shows the candidates below the line.
  void (*_Nonnull show_candidates)(char *_Nullable *_Nonnull candidates, int count);
} shim_editor;

// A function that readline calls for a key; it returns 0.
typedef int (*shim_key)(int count, int key);

void shim_readline_setup(const char *_Nonnull name, const shim_editor *_Nonnull hooks);
// Binds a key sequence, as inputrc writes it, for emacs mode and perhaps vi mode. Bindings of the user's inputrc
// come later.
void shim_define_key(
  const char *_Nonnull name, shim_key _Nonnull key, const char *_Nonnull sequence, int in_vi_mode);
// Reads one line, which begins as `text`, into *line (to be freed with `free`). On a terminal Ctrl-C gives
// SHIM_INTERRUPTED, and a signal that ends or stops the process restores the terminal first.
int shim_read_line(
  const char *_Nonnull prompt, const char *_Nonnull text, char *_Nullable *_Nonnull line);
// The columns that a character takes on a terminal; -1 if it cannot be printed.
int shim_width(uint32_t scalar);
// The size of the terminal, or 24 rows of 80 columns.
void shim_screen_size(int *_Nonnull rows, int *_Nonnull columns);
// Whether standard output holds text that waits for the end of its line.
int shim_output_pending(void);
