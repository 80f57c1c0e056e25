// See shim_streams.h.
#define _GNU_SOURCE
#include "shim_streams.h"
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <unistd.h>

static void (*write_stream)(int stream, const char *bytes, size_t count);
static long (*read_stream)(char *bytes, size_t capacity);
static volatile int is_child;

// Several children write to one pipe: a line goes out whole, where `print` writes it in parts.
static void note_child(void) {
  static char line[4096];
  is_child = 1;
  setvbuf(stdout, line, _IOLBF, sizeof line);
}
int shim_streams_is_child(void) { return is_child; }

static ssize_t on_write(void *cookie, const char *bytes, size_t count) {
  int stream = (int)(intptr_t)cookie;
  if (!is_child) {
    write_stream(stream, bytes, count);
    return (ssize_t)count;
  }
  size_t done = 0;
  while (done < count) {
    ssize_t wrote = write(stream, bytes + done, count - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return 0;
    done += (size_t)wrote;
  }
  return (ssize_t)count;
}

static ssize_t on_read(void *cookie, char *bytes, size_t capacity) {
  (void)cookie;
  return is_child ? 0 : read_stream(bytes, capacity);
}

int shim_streams_replace(void (*write)(int, const char *, size_t), long (*read)(char *, size_t)) {
  write_stream = write;
  read_stream = read;
  cookie_io_functions_t writes = {.write = on_write}, reads = {.read = on_read};
  FILE *output = fopencookie((void *)1, "w", writes);
  FILE *errors = fopencookie((void *)2, "w", writes);
  FILE *input = fopencookie((void *)0, "r", reads);
  if (!output || !errors || !input || pthread_atfork(NULL, NULL, note_child) != 0) return -1;
  // The functions collect what is written: a buffer below them would change the order of the two streams.
  setvbuf(output, NULL, _IONBF, 0);
  setvbuf(errors, NULL, _IONBF, 0);
  stdout = output;
  stderr = errors;
  stdin = input;
  return 0;
}

void shim_streams_forget_input(void) {
  __fpurge(stdin);
  clearerr(stdin);
}
