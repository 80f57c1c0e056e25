// What a program writes to its standard output and errors, children and C code included, kept for a notebook and shown
// where it went before.
//
// Descriptors 1 and 2 become pipes. A thread reads them, passes the bytes on, and keeps them as parts in the order in
// which they came. A part that grows keeps its beginning and its end. "\r" starts a line again and "\b" takes a
// character back, as on a terminal. In a forked child every function does nothing.
//
// Once a second the thread writes the pages, files that show what is captured so far, so that a program that is killed
// in a long computation leaves them.
#pragma once
#include <stddef.h>

// Starts; a part keeps `keep` bytes of its beginning and of its end. Returns 0, or -1 with errno.
int shim_capture_start(size_t keep);
// Restores both descriptors, after everything that was written has been passed on. What is captured can still be taken.
void shim_capture_stop(void);
// Whether this process captures.
int shim_capture_is_on(void);
// Reads what has been written so far, so that it comes before what is written next to the other descriptor.
void shim_capture_sync(void);
// Writes bytes where descriptor 1 or 2 went before, without capturing them.
void shim_capture_echo(int descriptor, const char *bytes, size_t count);

typedef struct {
  int stream;                  // 1 or 2
  char *bytes;                 // owned by the caller after a take
  size_t count;
  size_t cut;                  // where bytes were left out; equal to count if none were
  size_t left_out, lines_left_out;
} shim_capture_part;

// The parts since the last call; `*parts` and each `bytes` are the caller's to free. Returns their number.
size_t shim_capture_take(shim_capture_part **parts);

// How text is written into a page: as HTML without terminal codes, inside a JSON string, or as text without them.
enum { SHIM_FORM_HTML, SHIM_FORM_JSON, SHIM_FORM_TEXT };
// The text in one of these forms, valid UTF-8 whatever the bytes are; the caller frees it. Null without memory.
char *shim_capture_escape(const char *bytes, size_t count, int form, size_t *written);

// The texts of a page around the captured parts. `lead` comes before the first part, `between` between two parts,
// `open[stream - 1]` and `close` around each.
typedef struct {
  const char *text;
  size_t count;
} shim_capture_text;
typedef struct {
  int form;
  shim_capture_text head, lead, between, open[2], close, tail;
} shim_capture_page;

// Writes the pages now.
void shim_capture_write_pages(void);

enum { SHIM_PAGES_MAX = 8 };
// Sets page `index`, a regular file at `path`; a null path ends the page, after a write that is under way. With `is_news`
// the file is written within a second, else when there is output. Returns 0, or -1 without memory.
int shim_capture_set_page(int index, const char *path, const shim_capture_page *page, int is_news);
