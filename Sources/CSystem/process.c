// Forked jobs, and exchanging two paths; see shim_process.h.
#define _GNU_SOURCE
#include "shim_process.h"
#include "shim_threads.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

int shim_fork_with_pipe(int *read_end, int *write_end, int **threads, int count) {
  int ends[2];
  *threads = shim_shared_threads();
  if (!*threads) return -1;
  if (count > 0) shim_set_threads(*threads, count);
  if (pipe(ends) != 0) {
    shim_release_threads(*threads);
    return -1;
  }
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  fflush(NULL);
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) {
    close(ends[0]);
    close(ends[1]);
    shim_release_threads(*threads);
    return -1;
  }
  if (pid == 0) {
    shim_threads_word = *threads;
#ifdef __linux__
    // Nobody would read what it sends: a child does not outlive its parent, however that ends.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
#else
    (void)parent;
#endif
    // A thread of a pool blocks signals, and its child would: SIGTERM could not end it.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close(ends[0]);
    *write_end = ends[1];
  } else {
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *read_end = ends[0];
  }
  return pid;
}

_Noreturn void shim_exit_child(int status) {
  fflush(NULL);
  _exit(status);
}

int shim_exchange_paths(const char *a, const char *b) {
#ifdef RENAME_EXCHANGE
  return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
#else
  (void)a;
  (void)b;
  errno = ENOSYS;
  return -1;
#endif
}
