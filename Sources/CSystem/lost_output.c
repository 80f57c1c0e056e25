// Output that is lost at the end of the program; see shim_process.h.
#define _GNU_SOURCE
#include "shim_process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(int status, void *unused) {
  (void)unused;
  if (status != 0) return;  // a failure that has been said
  int is_lost = ferror(stdout);
  errno = 0;
  if (fflush(stdout) != 0) is_lost = 1;
  // A standard output that was closed is nobody's loss.
  if (!is_lost || fcntl(STDOUT_FILENO, F_GETFD) < 0) return;
  const char *reason = errno ? strerror(errno) : "a write failed";
  dprintf(STDERR_FILENO, "perilune: cannot write the standard output: %s\n", reason);
  _exit(1);
}

void shim_say_lost_output(void) { on_exit(say, NULL); }
