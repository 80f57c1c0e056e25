// File operations of a process that fail, end it, or are written down: loaded with LD_PRELOAD by the tests of
// scripts/reliability, so that the program under test, SQLite included, is the one that is shipped.
//
//   FAULTS_ROOT   only files under this folder count
//   FAULTS_AT     the operation that is hit, from 1; 0 for none
//   FAULTS_KIND   kill     SIGKILL before the operation
//                 torn     SIGKILL after the first half of a write
//                 full, broken, quota    ENOSPC, EIO, EDQUOT
//                 short    a write takes the first half of its bytes; then ENOSPC
//                 signal   EINTR, once, from a call that may give it
//   FAULTS_STAYS  1: all operations after it fail too
//   FAULTS_CLASS  "changes" of files and folders, or "reads"
//   FAULTS_LOG    a file that gets the operations, with the bytes written, as replay.lua reads them
//   FAULTS_COUNT  a file that gets the number of operations when the process ends
//
// Removing a file named mark-TEXT that is not there writes TEXT into the log: what the program has promised.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { KILL = 1, TORN, FULL, BROKEN, QUOTA, SHORT, SIGNAL };
// The last is a change that no signal interrupts: a sync, and a change of names.
enum { CHANGE, READ, UNINTERRUPTED };
static const char *const kinds[] = { "", "kill", "torn", "full", "broken", "quota", "short", "signal" };

static const char *root;
static size_t root_length;
static long at, count;
static int kind, stays, hits = CHANGE, journal = -1, armed_short = -1;
static int handle_of[4096], next_handle = 1;  // a number for each file that was opened under the root; 0 for others

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("FAULTS_KIND"), *log = getenv("FAULTS_LOG");
  root = getenv("FAULTS_ROOT");
  root_length = root ? strlen(root) : 0;
  at = getenv("FAULTS_AT") ? atol(getenv("FAULTS_AT")) : 0;
  stays = getenv("FAULTS_STAYS") && atoi(getenv("FAULTS_STAYS"));
  if (getenv("FAULTS_CLASS") && !strcmp(getenv("FAULTS_CLASS"), "reads")) hits = READ;
  for (int i = KILL; text && i <= SIGNAL; i++)
    if (!strcmp(text, kinds[i])) kind = i;
  if (log) journal = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("FAULTS_COUNT");
  int file = path ? REAL(open)(path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
  if (file >= 0) dprintf(file, "%ld\n", count);
}

static int is_ours(const char *path) { return root && path && !strncmp(path, root, root_length); }
static int handle(int file) { return file >= 0 && file < 4096 ? handle_of[file] : 0; }
static void die(void) { kill(getpid(), SIGKILL); }

// Whether the operation at hand is hit, after counting it.
static int is_hit(int class) {
  if (!root || (class == READ) != (hits == READ)) return 0;
  long number = __sync_add_and_fetch(&count, 1);
  return kind && at && (number == at || (stays && number > at));
}

// Counts an operation; returns 1, with errno set, where it fails.
static int fails(int class) {
  if (!is_hit(class)) return 0;
  if (kind == KILL) die();
  if (kind == TORN) return 0;
  if (kind == SIGNAL && class == UNINTERRUPTED) return 0;
  errno = kind == BROKEN ? EIO : kind == QUOTA ? EDQUOT : kind == SIGNAL ? EINTR : ENOSPC;
  return 1;
}

// Writes an operation down: a line, and the bytes that follow it.
static void note(const char *line, const void *bytes, size_t length) {
  if (journal < 0) return;
  int saved = errno;
  size_t size = strlen(line);
  char *all = malloc(size + length);
  memcpy(all, line, size);
  if (length) memcpy(all + size, bytes, length);
  if (REAL(write)(journal, all, size + length) != (ssize_t)(size + length)) abort();
  free(all);
  errno = saved;
}
#define NOTE(bytes, length, ...)                         \
  do {                                                   \
    char line[9000];                                     \
    int head = sprintf(line, "%ld\t", count);           \
    snprintf(line + head, 8900, __VA_ARGS__);           \
    note(line, bytes, length);                           \
  } while (0)

// MARK: Files

static int opened(int file, const char *path, int flags) {
  if (file >= 0 && file < 4096) {
    handle_of[file] = __sync_fetch_and_add(&next_handle, 1);
    NOTE(0, 0, "open\t%d\t%d\t%d\t%s\n", handle_of[file], !!(flags & O_CREAT), !!(flags & O_TRUNC), path);
  }
  return file;
}

// Whether opening changes something: a file that is there is only opened by O_CREAT.
static int makes(const char *path, int flags) {
  return flags & O_TRUNC || (flags & O_CREAT && access(path, F_OK) != 0);
}

#define OPEN(name)                                                                         \
  int name(const char *path, int flags, ...) {                                             \
    va_list more;                                                                          \
    va_start(more, flags);                                                                 \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;              \
    va_end(more);                                                                          \
    if (!is_ours(path)) return REAL(name)(path, flags, mode);                              \
    if (fails(makes(path, flags) ? CHANGE : READ)) return -1;                              \
    return opened(REAL(name)(path, flags, mode), path, flags);                             \
  }
OPEN(open)
OPEN(open64)

int close(int file) {
  if (handle(file)) handle_of[file] = 0;
  return REAL(close)(file);
}

static ssize_t written(int file, const void *bytes, size_t length, off_t offset, int is_at) {
  if (!handle(file)) {
    return is_at ? REAL(pwrite)(file, bytes, length, offset) : REAL(write)(file, bytes, length);
  }
  int hit = is_hit(CHANGE);
  if (hit && kind == KILL) die();
  if (armed_short == file && kind == SHORT) hit = 1, length = 0;
  if (hit && (kind == SHORT || kind == TORN) && length > 1) {
    length /= 2;
    armed_short = file;
  } else if (hit && kind != TORN) {
    armed_short = -1;
    errno = kind == BROKEN ? EIO : kind == QUOTA ? EDQUOT : kind == SIGNAL ? EINTR : ENOSPC;
    return -1;
  }
  off_t start = is_at ? offset : lseek(file, 0, SEEK_CUR);
  ssize_t done = is_at ? REAL(pwrite)(file, bytes, length, offset) : REAL(write)(file, bytes, length);
  if (hit && kind == TORN) die();
  if (done > 0) NOTE(bytes, done, "write\t%d\t%ld\t%ld\n", handle(file), (long)start, (long)done);
  return done;
}

ssize_t write(int file, const void *bytes, size_t length) { return written(file, bytes, length, 0, 0); }
ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
  return written(file, bytes, length, offset, 1);
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
  return written(file, bytes, length, offset, 1);
}

ssize_t read(int file, void *bytes, size_t length) {
  return handle(file) && fails(READ) ? -1 : REAL(read)(file, bytes, length);
}
ssize_t pread(int file, void *bytes, size_t length, off_t offset) {
  return handle(file) && fails(READ) ? -1 : REAL(pread)(file, bytes, length, offset);
}
ssize_t pread64(int file, void *bytes, size_t length, off64_t offset) {
  return handle(file) && fails(READ) ? -1 : REAL(pread64)(file, bytes, length, offset);
}

#define ON_FILE(class, name, ...)                                            \
  if (handle(file) && fails(class)) return -1;                               \
  int status = name;                                                         \
  if (status == 0 && handle(file)) NOTE(0, 0, __VA_ARGS__);                  \
  return status;
int fsync(int file) { ON_FILE(UNINTERRUPTED, REAL(fsync)(file), "sync\t%d\n", handle(file)) }
int fdatasync(int file) { ON_FILE(UNINTERRUPTED, REAL(fdatasync)(file), "sync\t%d\n", handle(file)) }
int ftruncate(int file, off_t size) {
  ON_FILE(CHANGE, REAL(ftruncate)(file, size), "truncate\t%d\t%ld\n", handle(file), (long)size)
}
int ftruncate64(int file, off64_t size) {
  ON_FILE(CHANGE, REAL(ftruncate64)(file, size), "truncate\t%d\t%ld\n", handle(file), (long)size)
}

// MARK: Streams, which Lua's io library writes

FILE *fopen64(const char *path, const char *mode) {
  int changes = mode[0] != 'r';
  if (!is_ours(path)) return REAL(fopen64)(path, mode);
  if (fails(changes ? CHANGE : READ)) return NULL;
  return REAL(fopen64)(path, mode);
}

int fclose(FILE *stream) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fileno(stream));
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length > 0 ? length : 0] = 0;
  if (is_ours(path) && is_hit(CHANGE) && (kind == KILL || kind == TORN)) die();
  return REAL(fclose)(stream);
}

// MARK: Folders

#define ON_PATH(path, name, ...)                                             \
  if (!is_ours(path)) return name;                                           \
  if (fails(UNINTERRUPTED)) return -1;                                       \
  int status = name;                                                         \
  if (status == 0) NOTE(0, 0, __VA_ARGS__);                                  \
  return status;
int rename(const char *from, const char *to) {
  ON_PATH(to, REAL(rename)(from, to), "rename\t%s\t%s\n", from, to)
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  ON_PATH(to, REAL(renameat2)(from_folder, from, to_folder, to, flags), "%s\t%s\t%s\n",
          flags & RENAME_EXCHANGE ? "exchange" : "rename", from, to)
}
int unlink(const char *path) { ON_PATH(path, REAL(unlink)(path), "unlink\t%s\n", path) }
int rmdir(const char *path) { ON_PATH(path, REAL(rmdir)(path), "unlink\t%s\n", path) }
int mkdir(const char *path, mode_t mode) { ON_PATH(path, REAL(mkdir)(path, mode), "mkdir\t%s\n", path) }
int remove(const char *path) {
  const char *name = strrchr(path, '/');
  if (is_ours(path) && name && !strncmp(name, "/mark-", 6)) {
    NOTE(0, 0, "mark\t%s\n", name + 6);
    errno = ENOENT;
    return -1;
  }
  ON_PATH(path, REAL(remove)(path), "unlink\t%s\n", path)
}
