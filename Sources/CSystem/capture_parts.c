// The captured text and its forms; see capture_parts.h.
#include "capture_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static shim_capture_part *part_of(capture_parts *parts, int stream) {
  if (parts->count > 0 && parts->list[parts->count - 1].stream == stream) return &parts->list[parts->count - 1];
  if (parts->count >= CAPTURE_PARTS_MAX) {  // many changes between the streams: the order is given up, the text is not
    for (size_t i = parts->count; i-- > 0;) {
      if (parts->list[i].stream == stream) return &parts->list[i];
    }
  }
  shim_capture_part *part = &parts->list[parts->count];
  memset(part, 0, sizeof *part);
  part->stream = stream;
  parts->room[parts->count++] = 0;
  return part;
}

// Leaves out the middle, so that the beginning and the end stay.
static void cut(capture_parts *parts, shim_capture_part *part) {
  const size_t from = parts->keep, to = part->count - parts->keep;
  for (size_t i = from; i < to; i++) part->lines_left_out += part->bytes[i] == '\n';
  part->left_out += to - from;
  part->cut = from;
  memmove(part->bytes + from, part->bytes + to, parts->keep);
  part->count = 2 * parts->keep;
}

static void put(capture_parts *parts, int stream, char byte) {
  shim_capture_part *part = part_of(parts, stream);
  size_t *room = &parts->room[part - parts->list];
  if (part->count >= 3 * parts->keep) cut(parts, part);
  if (part->count == *room) {
    size_t wanted = *room == 0 ? 256 : *room * 2;
    char *grown = realloc(part->bytes, wanted);
    if (grown == NULL) return;
    part->bytes = grown;
    *room = wanted;
  }
  part->bytes[part->count++] = byte;
  if (part->left_out == 0) part->cut = part->count;
}

// The beginning of the part, or of its end where the middle is left out: what "\r" and "\b" cannot go behind.
static size_t floor_of(const shim_capture_part *part) { return part->left_out > 0 ? part->cut : 0; }

static void shorten(shim_capture_part *part, size_t count) {
  part->count = count;
  if (part->left_out == 0) part->cut = count;
}

// Takes the unfinished line of the stream back, in its last two parts.
static void take_line_back(capture_parts *parts, int stream) {
  int seen = 0;
  for (size_t i = parts->count; i-- > 0 && seen < 2;) {
    shim_capture_part *part = &parts->list[i];
    if (part->stream != stream) continue;
    seen++;
    size_t at = part->count;
    while (at > floor_of(part) && part->bytes[at - 1] != '\n') at--;
    shorten(part, at);
    if (at > 0) return;
  }
}

void capture_add(capture_parts *parts, int stream, const char *bytes, size_t count) {
  int *returned = &parts->returned[stream - 1];
  for (size_t i = 0; i < count; i++) {
    const char byte = bytes[i];
    if (byte == '\r') {
      *returned = 1;
      continue;
    }
    if (*returned && byte != '\n') take_line_back(parts, stream);
    *returned = 0;
    if (byte == '\b') {
      shim_capture_part *part = part_of(parts, stream);
      size_t at = part->count, least = floor_of(part);
      if (at > least && part->bytes[at - 1] != '\n') {
        do at--;
        while (at > least && ((unsigned char)part->bytes[at] & 0xC0) == 0x80);
        shorten(part, at);
      }
      continue;
    }
    put(parts, stream, byte);
  }
}

void capture_append(capture_text *to, const char *bytes, size_t count) {
  if (to->failed || count == 0) return;
  if (count > to->room - to->count) {
    size_t wanted = to->room * 2 > to->count + count ? to->room * 2 : to->count + count + 64;
    char *grown = realloc(to->bytes, wanted);
    if (grown == NULL) {
      to->failed = 1;
      return;
    }
    to->bytes = grown;
    to->room = wanted;
  }
  memcpy(to->bytes + to->count, bytes, count);
  to->count += count;
}

// The length of the UTF-8 sequence at `s` (Unicode 15, table 3-7), 0 if there is none.
static size_t sequence(const unsigned char *s, size_t left) {
  if (s[0] < 0x80) return 1;
  size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
  if (s[0] < 0xC2 || s[0] > 0xF4 || length > left) return 0;
  const unsigned char least = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
  const unsigned char most = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
  if (s[1] < least || s[1] > most) return 0;
  for (size_t i = 2; i < length; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0;
  }
  return length;
}

// The length of the terminal code that begins with ESC at `s`: CSI up to its letter, OSC up to its end, else two bytes.
static size_t terminal_code(const unsigned char *s, size_t left) {
  size_t i = 2;
  if (left < 2) return left;
  if (s[1] == '[') {
    while (i < left && s[i] >= 0x20 && s[i] < 0x40) i++;
    return i < left ? i + 1 : left;
  }
  if (s[1] == ']') {
    while (i < left && s[i] != 0x07 && s[i] != '\n' && !(s[i] == 0x1B && i + 1 < left && s[i + 1] == '\\')) i++;
    if (i < left && s[i] == 0x1B) return i + 2;
    return i < left && s[i] == 0x07 ? i + 1 : i;
  }
  return s[1] < 0x80 ? 2 : 1;
}

#define TEXT(to, literal) capture_append(to, literal, sizeof literal - 1)

void capture_escape(capture_text *to, const char *bytes, size_t count, int form) {
  const unsigned char *s = (const unsigned char *)bytes;
  size_t i = 0;
  while (i < count) {
    const unsigned char c = s[i];
    if (c == 0x1B && form != SHIM_FORM_JSON) {
      i += terminal_code(s + i, count - i);
      continue;
    }
    const size_t length = sequence(s + i, count - i);
    // Neither HTML nor XML may hold these; they are not characters that a text shows.
    const int is_control = (c < 0x20 && c != '\n' && c != '\t' && c != '\r' && c != 0x1B) || c == 0x7F;
    const int is_no_character = length == 3 && c == 0xEF && s[i + 1] == 0xBF && s[i + 2] >= 0xBE;
    if (length == 0 || is_control || is_no_character) {
      TEXT(to, "\xEF\xBF\xBD");
      i += length == 0 ? 1 : length;
      continue;
    }
    if (form == SHIM_FORM_HTML && c == '&') TEXT(to, "&amp;");
    else if (form == SHIM_FORM_HTML && c == '<') TEXT(to, "&lt;");
    else if (form == SHIM_FORM_HTML && c == '>') TEXT(to, "&gt;");
    else if (form == SHIM_FORM_HTML && c == '"') TEXT(to, "&quot;");
    else if (form == SHIM_FORM_HTML && c == '\'') TEXT(to, "&#39;");
    else if (form == SHIM_FORM_JSON && (c == '"' || c == '\\')) {
      TEXT(to, "\\");
      capture_append(to, bytes + i, 1);
    } else if (form == SHIM_FORM_JSON && c < 0x20) {
      char code[8];
      snprintf(code, sizeof code, "\\u%04x", c);
      capture_append(to, code, 6);
    } else {
      capture_append(to, bytes + i, length);
    }
    i += length;
  }
}

void capture_append_part(capture_text *to, const shim_capture_part *part, int form) {
  capture_escape(to, part->bytes, part->cut, form);
  if (part->left_out > 0) {
    char word[96];
    int length = snprintf(word, sizeof word, "\n... %zu bytes in %zu lines left out ...\n", part->left_out,
                          part->lines_left_out);
    capture_escape(to, word, (size_t)length, form);
    capture_escape(to, part->bytes + part->cut, part->count - part->cut, form);
  }
}
