// The limits that hold whatever the program does: its time, and its memory as the system counts it.
//
// A thread of its own watches them, since a loop in C runs no hook and asks nobody.
#define _GNU_SOURCE
#include "lua_internal.h"
#include "shim_keys.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
  double deadline, seconds;  // on the monotonic clock; 0: none
  int64_t bytes, page;
  int memory;                // a descriptor of /proc/self/statm, or -1
} limits;

static const double seconds_between_looks = 0.05, seconds_of_grace = 1;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

_Noreturn static void end(int status, const char *message) {
  shim_terminal_give_back();
  if (write(STDERR_FILENO, message, strlen(message)) < 0) _exit(status);
  _exit(status);
}

// The bytes that the process has in memory.
static int64_t resident(void) {
  char text[128];
  ssize_t length = pread(limits.memory, text, sizeof text - 1, 0);
  if (length <= 0) return 0;
  text[length] = 0;
  long long pages = 0;
  return sscanf(text, "%*d %lld", &pages) == 1 ? (int64_t)pages * limits.page : 0;
}

static void *watch(void *unused) {
  (void)unused;
  char message[128];
  for (int over = 0;;) {
    double left = limits.seconds > 0 ? limits.deadline - now() : seconds_between_looks;
    if (limits.seconds > 0 && left <= 0) {
      if (over) {
        snprintf(message, sizeof message, "perilune: the time limit of %g s is over (--max-time)\n", limits.seconds);
        end(124, message);
      }
      over = 1;
      limits.deadline += seconds_of_grace;
      shim_interrupt_limit();
      continue;
    }
    if (limits.bytes > 0 && resident() > limits.bytes) {
      end(1, "perilune: not enough memory: the process uses more than --max-memory allows\n");
    }
    double wait = limits.bytes > 0 && (left > seconds_between_looks || limits.seconds <= 0) ? seconds_between_looks : left;
    struct timespec time = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
    nanosleep(&time, NULL);
  }
}

int shim_limits_start(double seconds, int64_t bytes) {
  limits.seconds = seconds;
  limits.deadline = now() + seconds;
  limits.page = sysconf(_SC_PAGESIZE);
  limits.memory = bytes > 0 ? open("/proc/self/statm", O_RDONLY | O_CLOEXEC) : -1;
  limits.bytes = limits.memory >= 0 ? bytes + resident() : 0;
  if (limits.seconds <= 0 && limits.bytes <= 0) return 0;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  sigset_t all, before;  // signals are for the thread that runs Lua; SIGSYS is the sandbox's own
  sigfillset(&all);
  sigdelset(&all, SIGSYS);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int status = pthread_create(&thread, &attributes, watch, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return status;
}
