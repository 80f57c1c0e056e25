// The captured text: parts of the two streams, in order; see shim_capture.h.
#pragma once
#include "shim_capture.h"

enum { CAPTURE_PARTS_MAX = 256 };

typedef struct {
  shim_capture_part list[CAPTURE_PARTS_MAX + 1];
  size_t room[CAPTURE_PARTS_MAX + 1];
  size_t count;
  size_t keep;
  int returned[2];  // a "\r" of the stream waits for the next byte: "\r\n" is a line end
} capture_parts;

// Adds bytes of a stream. Without memory they are dropped.
void capture_add(capture_parts *parts, int stream, const char *bytes, size_t count);

// A text that grows; `failed` is set when memory is out.
typedef struct {
  char *bytes;
  size_t count, room;
  int failed;
} capture_text;
void capture_append(capture_text *to, const char *bytes, size_t count);
// Appends bytes in one of the forms.
void capture_escape(capture_text *to, const char *bytes, size_t count, int form);
// Appends a part, with a word on what was left out.
void capture_append_part(capture_text *to, const shim_capture_part *part, int form);
