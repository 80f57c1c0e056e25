// Files below the roots of the sandbox: system calls that name a file, carried out relative to the handle of a root.
//
// The kernel resolves the path below the handle (openat2 with RESOLVE_BENEATH), so a link that is swapped in between
// leads nowhere either. Everything here is safe in a signal handler.
#define _GNU_SOURCE
#include "sandbox.h"
#ifdef __linux__
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

// A system call with the pass; an error comes back below zero, as from the kernel.
static long call(long number, long a, long b, long c, long d, long e) {
  long result = syscall(number, a, b, c, d, e, (long)sandbox_pass);
  return result < 0 ? -errno : result;
}

// Where a path is: below a root, by a path relative to its handle.
typedef struct place {
  const sandbox_root *root;
  int is_above_root;  // a folder that a root is in
  char rest[PATH_MAX];
} place;

// Appends the components of `path` to `out`, which starts with "/" or is empty; `..` is refused.
static long append(char *out, const char *path) {
  size_t used = strlen(out);
  while (*path) {
    size_t length = strcspn(path, "/");
    if (length == 2 && path[0] == '.' && path[1] == '.') {
      return sandbox_refuse("a path with '..' is refused by --sandbox");
    }
    if (length > 0 && !(length == 1 && path[0] == '.')) {
      if (used + length + 2 > PATH_MAX) return -ENAMETOOLONG;
      out[used++] = '/';
      memcpy(out + used, path, length);
      used += length;
      out[used] = 0;
    }
    path += length;
    path += strspn(path, "/");
  }
  return 0;
}

// The part of `path` below `folder`, or NULL.
static const char *below(const char *path, const char *folder) {
  size_t length = strlen(folder);
  if (length == 1) return path + 1;  // the root of the file system
  if (strncmp(path, folder, length) != 0) return NULL;
  return path[length] == 0 ? path + length : path[length] == '/' ? path + length + 1 : NULL;
}

// The kernel's name of what a handle holds: it follows a rename, whichever links led to the handle.
static long name_of(int fd, char out[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long length = call(SYS_readlinkat, AT_FDCWD, (long)link, (long)out, PATH_MAX - 1, 0);
  if (length >= 0) out[length] = 0;
  return length;
}

static const char outside[] = "outside the roots of --sandbox; --root=DIR allows a folder";

static long place_of(int directory, const char *path, place *p) {
  char full[PATH_MAX] = "";
  p->is_above_root = 0;
  if (path == NULL) return -EFAULT;
  if (*path == 0) return -ENOENT;
  if (strnlen(path, PATH_MAX) >= PATH_MAX) return -ENAMETOOLONG;
  if (*path != '/') {
    if (directory == AT_FDCWD) {
      strcpy(full, sandbox_folder);
      if (full[1] == 0) full[0] = 0;
    } else {
      long length = name_of(directory, full);
      if (length < 0) return length == -ENOENT ? -EBADF : length;
      if (full[0] != '/') return -ENOTDIR;
    }
  }
  long status = append(full, path);
  if (status < 0) return status;
  size_t best = 0, length = strlen(full);
  p->root = NULL;
  for (int i = 0; i < sandbox_root_count; i++) {
    const char *names[] = {sandbox_roots[i].given, sandbox_roots[i].real};
    for (int k = 0; k < 2; k++) {
      const char *rest = below(full[0] ? full : "/", names[k]);
      if (strncmp(names[k], full, length) == 0 && names[k][length] == '/') p->is_above_root = 1;
      if (rest == NULL || strlen(names[k]) < best) continue;
      best = strlen(names[k]);
      p->root = &sandbox_roots[i];
      strcpy(p->rest, *rest ? rest : ".");
    }
  }
  if (p->root) return 0;
  return sandbox_refuse(outside);
}

static const uint64_t open_flags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC |
                                   O_DIRECT | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE;

static long open_below(int handle, const char *rest, uint64_t flags, uint64_t mode) {
  struct open_how how = {.flags = flags & open_flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  if (flags & O_PATH) how.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  if (!(flags & O_PATH) && ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE)) how.mode = mode & 0777;
  long fd = -EAGAIN;
  // EAGAIN: a component was renamed while the kernel looked.
  for (int i = 0; i < 64 && fd == -EAGAIN; i++) {
    fd = call(SYS_openat2, handle, (long)rest, (long)&how, sizeof how, 0);
  }
  if (fd == -EXDEV) return sandbox_refuse("a link leads out of the roots of --sandbox");
  return fd;
}

// Files that are the kernel's own data, even below a root: a process's memory is one of them.
static int is_kernel_file(int fd) {
  struct statfs info;
  if (fstatfs(fd, &info) != 0) return 1;
  switch ((uint32_t)info.f_type) {
    case 0x9fa0:      // proc
    case 0x62656572:  // sysfs
    case 0x64626720:  // debugfs
    case 0x74726163:  // tracefs
    case 0x27e0eb:    // cgroup
    case 0x63677270:  // cgroup2
    case 0x73636673:  // securityfs
    case 0xcafe4a11:  // bpf
      return 1;
    default: return 0;
  }
}

static int is_write(uint64_t flags) {
  return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC) || (flags & O_TMPFILE) == O_TMPFILE;
}

static long close_after(long fd, long result) {
  call(SYS_close, fd, 0, 0, 0, 0);
  return result;
}

static const char own_folder[] = "what holds the program's own files stays in its place under --sandbox";
static const char own_files[] = "the program's own files are read-only under --sandbox";

// Refuses `name` in the folder of a handle, or the handle itself without a name, where that is a file of the program;
// a folder that holds such files is refused where it `moves_away`.
static long refuse_own(int fd, const char *name, int moves_away) {
  char path[2 * PATH_MAX], own[PATH_MAX];
  long length = name_of(fd, path);
  if (length < 0) return length;
  if (name != NULL) snprintf(path + length, sizeof path - (size_t)length, "%s%s", length == 1 ? "" : "/", name);
  for (int i = 0; i <= sandbox_root_count; i++) {
    const sandbox_root *root = i < sandbox_root_count ? &sandbox_roots[i] : NULL;
    if (root != NULL && !root->read_only) continue;
    if (root != NULL && name_of(root->handle, own) < 0) return sandbox_refuse(own_files);
    const char *names[] = {root ? own : sandbox_program, root ? root->given : sandbox_program};
    for (int k = 0; k < 2; k++) {
      if (names[k][0] == 0) continue;
      if (below(path, names[k])) return sandbox_refuse(own_files);
      if (moves_away && below(names[k], path)) return sandbox_refuse(own_folder);
    }
  }
  return 0;
}

// What is done with the last component of a path: it is looked at, made, or put in another place.
enum use { looks, makes, moves };

// The handle of the folder that holds the last component of the path, which `name` gets.
static long parent_of(int directory, const char *path, enum use use, const char **name, place *p) {
  long status = place_of(directory, path, p);
  if (status < 0) return status;
  if (use != looks && p->root->read_only) return sandbox_refuse(own_files);
  if (strcmp(p->rest, ".") == 0) return sandbox_refuse("a root of --sandbox is neither moved nor removed");
  char *slash = strrchr(p->rest, '/');
  *name = slash ? slash + 1 : p->rest;
  if (slash) *slash = 0;
  long fd = open_below(p->root->handle, slash ? p->rest : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0 || use == looks) return fd;
  status = refuse_own((int)fd, *name, use == moves);
  return status < 0 ? close_after(fd, status) : fd;
}

// What a new file or folder adds to the output, so that empty ones are bounded too: a block of most file systems.
enum { new_file_bytes = 4096 };

// Opens a file to write it. The file is not changed before it is known to be none of the program's own.
static long open_to_write(int directory, const char *path, place *p, uint64_t flags, uint64_t mode) {
  int is_taken = 0;
  if (flags & O_CREAT && (flags & O_TMPFILE) != O_TMPFILE && strcmp(p->rest, ".") != 0) {
    const char *name;
    place q;
    long folder = parent_of(directory, path, makes, &name, &q);
    if (folder < 0) return folder;
    long fd = close_after(folder, open_below((int)folder, name, flags | O_EXCL, mode));
    if (fd >= 0) sandbox_count_output(new_file_bytes);
    if (fd != -EEXIST || flags & O_EXCL) return fd;
    flags &= ~(uint64_t)O_CREAT;
    is_taken = 1;
  }
  long fd = open_below(p->root->handle, p->rest, flags & ~(uint64_t)O_TRUNC, mode);
  if (fd == -ENOENT && is_taken) return sandbox_refuse("a link to nothing is not followed to make a file under --sandbox");
  if (fd < 0) return fd;
  long status = refuse_own((int)fd, NULL, 0);
  if (status == 0 && flags & O_TRUNC) status = call(SYS_ftruncate, fd, 0, 0, 0, 0);
  return status < 0 ? close_after(fd, status) : fd;
}

static long open_file(int directory, const char *path, uint64_t flags, uint64_t mode) {
  if (path != NULL && strcmp(path, "/dev/null") == 0) {
    return call(SYS_openat, AT_FDCWD, (long)path, (long)(flags & O_ACCMODE) | O_CLOEXEC, 0, 0);
  }
  place p;
  long status = place_of(directory, path, &p);
  if (status < 0) return status;
  if (p.root->read_only && is_write(flags)) return sandbox_refuse(own_files);
  if (path[strlen(path) - 1] == '/') flags |= O_DIRECTORY;
  // Without waiting: a pipe or a device is refused only after it was opened.
  const uint64_t waits = flags & O_NONBLOCK;
  if (!(flags & O_PATH)) flags |= O_NONBLOCK | O_NOCTTY;
  long fd = !(flags & O_PATH) && is_write(flags) ? open_to_write(directory, path, &p, flags, mode)
                                                 : open_below(p.root->handle, p.rest, flags, mode);
  if (fd < 0 || flags & O_PATH) return fd;
  struct stat info;
  if (call(SYS_fstat, fd, (long)&info, 0, 0, 0) < 0 || !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) ||
      is_kernel_file((int)fd)) {
    return close_after(fd, sandbox_refuse("--sandbox opens regular files and folders only"));
  }
  if (!waits) fcntl((int)fd, F_SETFL, fcntl((int)fd, F_GETFL) & ~O_NONBLOCK);
  return fd;
}

// A handle that names the file and opens nothing.
static long handle_of(int directory, const char *path, int follow, place *p) {
  long status = place_of(directory, path, p);
  if (status < 0) return status;
  return open_below(p->root->handle, p->rest, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW), 0);
}

static long status_of(int directory, const char *path, void *out, int flags) {
  if (path != NULL && *path == 0 && flags & AT_EMPTY_PATH) {
    return call(SYS_fstat, directory, (long)out, 0, 0, 0);
  }
  place p;
  long fd = handle_of(directory, path, !(flags & AT_SYMLINK_NOFOLLOW), &p);
  if (fd < 0 && p.is_above_root) {  // SQLite asks what each folder of a path is, and goes on where it is not there
    sandbox_refuse(NULL);
    return -ENOENT;
  }
  if (fd < 0) return fd;
  return close_after(fd, call(SYS_fstat, fd, (long)out, 0, 0, 0));
}

static long extended_status_of(int directory, const char *path, int flags, long mask, void *out) {
  if (path == NULL || (*path == 0 && flags & AT_EMPTY_PATH)) {
    return call(SYS_statx, directory, (long)"", flags | AT_EMPTY_PATH, mask, (long)out);
  }
  place p;
  long fd = handle_of(directory, path, !(flags & AT_SYMLINK_NOFOLLOW), &p);
  if (fd < 0) return fd;
  return close_after(fd, call(SYS_statx, fd, (long)"", AT_EMPTY_PATH, mask, (long)out));
}

static long access_of(int directory, const char *path, int mode) {
  place p;
  long fd = handle_of(directory, path, 1, &p);
  if (fd < 0) return fd;
  long result = call(SYS_faccessat2, fd, (long)"", mode, AT_EMPTY_PATH, 0);
  if (result == -ENOSYS) result = 0;  // before Linux 5.8: the open itself is the check that counts
  if (p.root->read_only && mode & W_OK) result = -EACCES;
  return close_after(fd, result);
}

static long sandbox_exists(void) {
  sandbox_refuse(NULL);
  return -EEXIST;
}

static long make_folder(int directory, const char *path, long mode) {
  place p;
  const char *name;
  // A root exists already, and so does what it is in: a path is made folder by folder.
  long status = place_of(directory, path, &p);
  if (status < 0 ? p.is_above_root : strcmp(p.rest, ".") == 0) return sandbox_exists();
  long fd = parent_of(directory, path, makes, &name, &p);
  if (fd < 0) return fd;
  status = close_after(fd, call(SYS_mkdirat, fd, (long)name, mode & 0777, 0, 0));
  if (status == 0) sandbox_count_output(new_file_bytes);
  return status;
}

static long remove_file(int directory, const char *path, int flags) {
  place p;
  const char *name;
  long fd = parent_of(directory, path, moves, &name, &p);
  if (fd < 0) return fd;
  return close_after(fd, call(SYS_unlinkat, fd, (long)name, flags, 0, 0));
}

static long rename_file(int from, const char *path, int to, const char *other, long flags) {
  place p, q;
  const char *name, *new_name;
  long source = parent_of(from, path, moves, &name, &p);
  if (source < 0) return source;
  long target = parent_of(to, other, moves, &new_name, &q);
  if (target < 0) return close_after(source, target);
  long result = call(SYS_renameat2, source, (long)name, target, (long)new_name, flags);
  return close_after(source, close_after(target, result));
}

static long read_link(int directory, const char *path, char *out, long size) {
  place p;
  const char *name;
  long fd = parent_of(directory, path, looks, &name, &p);
  if (fd < 0) return fd;
  return close_after(fd, call(SYS_readlinkat, fd, (long)name, (long)out, size, 0));
}

static long written(long result) {
  if (result > 0) sandbox_count_output(result);
  return result;
}

int sandbox_may_wait(long number) {
  return number == SYS_write || number == SYS_writev || number == SYS_pwrite64 || number == SYS_pwritev;
}

long sandbox_emulate(long number, const unsigned long a[6]) {
  const char *first = (const char *)a[0], *second = (const char *)a[1];
  int directory = (int)a[0];
  switch (number) {
    case SYS_openat: return open_file(directory, second, a[2], a[3]);
    case SYS_newfstatat: return status_of(directory, second, (void *)a[2], (int)a[3]);
    case SYS_statx: return extended_status_of(directory, second, (int)a[2], (long)a[3], (void *)a[4]);
    case SYS_faccessat:
    case SYS_faccessat2: return access_of(directory, second, (int)a[2]);
    case SYS_mkdirat: return make_folder(directory, second, (long)a[2]);
    case SYS_unlinkat: return remove_file(directory, second, (int)a[2]);
    case SYS_renameat2: return rename_file(directory, second, (int)a[2], (const char *)a[3], (long)a[4]);
    case SYS_readlinkat: return read_link(directory, second, (char *)a[2], (long)a[3]);
#ifdef SYS_renameat
    case SYS_renameat: return rename_file(directory, second, (int)a[2], (const char *)a[3], 0);
#endif
#ifdef SYS_open
    case SYS_open: return open_file(AT_FDCWD, first, a[1], a[2]);
    case SYS_creat: return open_file(AT_FDCWD, first, O_CREAT | O_WRONLY | O_TRUNC, a[1]);
    case SYS_stat: return status_of(AT_FDCWD, first, (void *)a[1], 0);
    case SYS_lstat: return status_of(AT_FDCWD, first, (void *)a[1], AT_SYMLINK_NOFOLLOW);
    case SYS_access: return access_of(AT_FDCWD, first, (int)a[1]);
    case SYS_mkdir: return make_folder(AT_FDCWD, first, (long)a[1]);
    case SYS_rmdir: return remove_file(AT_FDCWD, first, AT_REMOVEDIR);
    case SYS_unlink: return remove_file(AT_FDCWD, first, 0);
    case SYS_rename: return rename_file(AT_FDCWD, first, AT_FDCWD, second, 0);
    case SYS_readlink: return read_link(AT_FDCWD, first, (char *)a[1], (long)a[2]);
#endif
    case SYS_write: return written(call(SYS_write, (long)a[0], (long)a[1], (long)a[2], 0, 0));
    case SYS_writev: return written(call(SYS_writev, (long)a[0], (long)a[1], (long)a[2], 0, 0));
    case SYS_pwrite64: return written(call(SYS_pwrite64, (long)a[0], (long)a[1], (long)a[2], (long)a[3], 0));
    case SYS_pwritev: return written(call(SYS_pwritev, (long)a[0], (long)a[1], (long)a[2], (long)a[3], (long)a[4]));
    default: return -ENOSYS;
  }
}
#endif
