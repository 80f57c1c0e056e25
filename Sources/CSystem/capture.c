// Capturing the standard output and errors; see shim_capture.h.
#define _GNU_SOURCE
#include "shim_capture.h"
#include "capture_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  char *path;  // null for no page
  char *bytes;  // the texts of `page`
  shim_capture_page page;
} file_page;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t thread;
static pid_t owner;
static int pipes[2], before[2], wake[2];
static capture_parts parts;
static file_page pages[SHIM_PAGES_MAX];
static int has_news, is_quitting;

int shim_capture_is_on(void) { return owner != 0 && owner == getpid(); }

// A closed reader of the output must not end the program while this thread passes output on; the watching thread has all
// signals blocked.
static void block_broken_pipe(sigset_t *old) {
  sigset_t broken;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken, old);
}

static void unblock_broken_pipe(const sigset_t *old) {
  sigset_t broken;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  const struct timespec now = {0, 0};
  while (sigtimedwait(&broken, NULL, &now) > 0) {}
  pthread_sigmask(SIG_SETMASK, old, NULL);
}

static void pass_on(int stream, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(before[stream - 1], bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      struct pollfd ready = {before[stream - 1], POLLOUT, 0};
      poll(&ready, 1, -1);
      continue;
    }
    if (written < 0) return;  // nobody reads it any more; the notebook still does
    bytes += written;
    count -= (size_t)written;
  }
}

// Reads what is in the pipes, up to a bound: a child may write without end. Returns the bytes read. Called with the lock.
static size_t drain(void) {
  static char block[65536];
  size_t total = 0;
  for (int stream = 1; stream <= 2; stream++) {
    for (int rounds = 0; rounds < 256; rounds++) {
      ssize_t count = read(pipes[stream - 1], block, sizeof block);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      has_news = 1;
      total += (size_t)count;
      pass_on(stream, block, (size_t)count);
      capture_add(&parts, stream, block, (size_t)count);
    }
  }
  return total;
}

// Opens a new file and locks it: AtomicFile removes temporary files that nobody has locked, perhaps this one before it
// is. Returns -1 if there can be none.
static int open_temporary(const char *path, mode_t mode) {
  for (int tries = 0; tries < 100; tries++) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0) return -1;
    flock(file, LOCK_EX);
    struct stat info;
    if (fstat(file, &info) == 0 && info.st_nlink > 0) return file;
    close(file);
  }
  return -1;
}

// Replaces the file, so that a reader finds the old page or the new one. Called with the lock.
static void replace_file(const char *path, const capture_text *text) {
  static unsigned serial;
  const char *slash = strrchr(path, '/');
  const int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
  char *temporary = NULL;
  if (asprintf(&temporary, "%.*s.perilune-%lx-%x.tmp", folder, path, (long)getpid(), serial++) < 0) return;
  struct stat info;
  int file = open_temporary(temporary, stat(path, &info) == 0 ? info.st_mode & 0777 : 0644);
  if (file >= 0) {
    size_t done = 0;
    while (done < text->count) {
      ssize_t written = write(file, text->bytes + done, text->count - done);
      if (written < 0 && errno != EINTR) break;
      if (written > 0) done += (size_t)written;
    }
    if (done < text->count || rename(temporary, path) != 0) unlink(temporary);
    close(file);
  }
  free(temporary);
}

static void append(capture_text *to, shim_capture_text text) { capture_append(to, text.text, text.count); }

static void write_pages(void) {
  for (int i = 0; i < SHIM_PAGES_MAX; i++) {
    if (pages[i].path == NULL) continue;
    const shim_capture_page *page = &pages[i].page;
    capture_text text = {0};
    append(&text, page->head);
    int is_first = 1;
    for (size_t p = 0; p < parts.count; p++) {
      if (parts.list[p].count == 0) continue;
      append(&text, is_first ? page->lead : page->between);
      is_first = 0;
      append(&text, page->open[parts.list[p].stream - 1]);
      capture_append_part(&text, &parts.list[p], page->form);
      append(&text, page->close);
    }
    append(&text, page->tail);
    if (!text.failed) replace_file(pages[i].path, &text);
    free(text.bytes);
  }
  has_news = 0;
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *watch(void *unused) {
  (void)unused;
  int64_t written_at = now_ms();
  for (;;) {
    struct pollfd ready[3] = {{pipes[0], POLLIN, 0}, {pipes[1], POLLIN, 0}, {wake[0], POLLIN, 0}};
    poll(ready, 3, 1000);
    pthread_mutex_lock(&lock);
    if (is_quitting) {
      pthread_mutex_unlock(&lock);
      return NULL;
    }
    const int is_little = drain() < 16384;
    const int64_t now = now_ms();
    if (has_news && now - written_at >= 1000) {
      write_pages();
      written_at = now_ms();
    }
    pthread_mutex_unlock(&lock);
    // Output that comes in small pieces is read in larger ones.
    const struct timespec pause = {0, 2000000};
    if (is_little) nanosleep(&pause, NULL);
  }
}

static int make_pipe(int stream) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  before[stream - 1] = fcntl(stream, F_DUPFD_CLOEXEC, 3);
  if (before[stream - 1] < 0 || dup2(ends[1], stream) < 0) {
    close(ends[0]);
    close(ends[1]);
    return -1;
  }
  close(ends[1]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
#ifdef F_SETPIPE_SZ
  fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
#endif
  pipes[stream - 1] = ends[0];
  return 0;
}

static void restore(int stream) {
  dup2(before[stream - 1], stream);
  close(before[stream - 1]);
  close(pipes[stream - 1]);
}

int shim_capture_start(size_t keep) {
  if (shim_capture_is_on()) {
    errno = EBUSY;
    return -1;
  }
  fflush(stdout);
  fflush(stderr);
  memset(&parts, 0, sizeof parts);
  parts.keep = keep < 1024 ? 1024 : keep;
  is_quitting = has_news = 0;
  if (pipe2(wake, O_CLOEXEC) != 0) return -1;
  if (make_pipe(1) != 0) return -1;
  if (make_pipe(2) != 0) {
    restore(1);
    return -1;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  sigset_t all, old;
  sigfillset(&all);
  sigdelset(&all, SIGSYS);  // in the sandbox, how a thread writes
  pthread_sigmask(SIG_SETMASK, &all, &old);
  const int status = pthread_create(&thread, NULL, watch, NULL);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (status != 0) {
    restore(1);
    restore(2);
    errno = status;
    return -1;
  }
  static int is_registered;
  if (!is_registered) atexit(shim_capture_stop);
  is_registered = 1;
  owner = getpid();
  return 0;
}

void shim_capture_stop(void) {
  if (!shim_capture_is_on()) return;
  fflush(stdout);
  fflush(stderr);
  sigset_t old;
  block_broken_pipe(&old);
  pthread_mutex_lock(&lock);
  is_quitting = 1;
  drain();
  for (int i = 0; i < SHIM_PAGES_MAX; i++) {
    free(pages[i].path);
    free(pages[i].bytes);
    pages[i] = (file_page){0};
  }
  pthread_mutex_unlock(&lock);
  while (write(wake[1], "", 1) < 0 && errno == EINTR) {}
  pthread_join(thread, NULL);
  owner = 0;
  restore(1);
  restore(2);
  close(wake[0]);
  close(wake[1]);
  unblock_broken_pipe(&old);
}

void shim_capture_echo(int descriptor, const char *bytes, size_t count) {
  if (!shim_capture_is_on() || descriptor < 1 || descriptor > 2) return;
  sigset_t old;
  block_broken_pipe(&old);
  pthread_mutex_lock(&lock);
  pass_on(descriptor, bytes, count);
  pthread_mutex_unlock(&lock);
  unblock_broken_pipe(&old);
}

void shim_capture_write_pages(void) {
  if (!shim_capture_is_on()) return;
  pthread_mutex_lock(&lock);
  write_pages();
  pthread_mutex_unlock(&lock);
}

void shim_capture_sync(void) {
  if (!shim_capture_is_on()) return;
  sigset_t old;
  block_broken_pipe(&old);
  fflush(stdout);
  pthread_mutex_lock(&lock);
  drain();
  pthread_mutex_unlock(&lock);
  unblock_broken_pipe(&old);
}

size_t shim_capture_take(shim_capture_part **taken) {
  *taken = NULL;
  if (owner != 0 && !shim_capture_is_on()) return 0;  // a forked child
  shim_capture_sync();
  pthread_mutex_lock(&lock);
  size_t count = 0;
  if (parts.count > 0) *taken = malloc(parts.count * sizeof **taken);
  for (size_t i = 0; i < parts.count; i++) {
    if (*taken != NULL && parts.list[i].count > 0) {
      (*taken)[count++] = parts.list[i];
    } else {
      free(parts.list[i].bytes);
    }
  }
  parts.count = 0;
  has_news = 0;
  pthread_mutex_unlock(&lock);
  return count;
}

char *shim_capture_escape(const char *bytes, size_t count, int form, size_t *written) {
  capture_text text = {0};
  capture_append(&text, "", 0);
  capture_escape(&text, bytes, count, form);
  *written = text.failed ? 0 : text.count;
  if (text.failed) {
    free(text.bytes);
    return NULL;
  }
  return text.bytes != NULL ? text.bytes : calloc(1, 1);
}

int shim_capture_set_page(int index, const char *path, const shim_capture_page *page, int is_news) {
  if (index < 0 || index >= SHIM_PAGES_MAX || !shim_capture_is_on()) return 0;
  file_page made = {0};
  if (path != NULL) {
    made.page = *page;
    shim_capture_text *texts[] = {&made.page.head, &made.page.lead, &made.page.between, &made.page.open[0],
                                  &made.page.open[1], &made.page.close, &made.page.tail};
    size_t total = 0, at = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) total += texts[i]->count;
    made.path = realpath(path, NULL);
    made.bytes = malloc(total + 1);
    if (made.path == NULL || made.bytes == NULL) {
      free(made.path);
      free(made.bytes);
      return -1;
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
      memcpy(made.bytes + at, texts[i]->text, texts[i]->count);
      texts[i]->text = made.bytes + at;
      at += texts[i]->count;
    }
  }
  pthread_mutex_lock(&lock);
  file_page old = pages[index];
  pages[index] = made;
  if (is_news) has_news = 1;
  pthread_mutex_unlock(&lock);
  free(old.path);
  free(old.bytes);
  return 0;
}
