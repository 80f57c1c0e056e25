// The sandbox as a whole: its roots, its limits, and the handler that the filter calls. See shim_sandbox.h.
#define _GNU_SOURCE
#include "shim_sandbox.h"
#include <errno.h>
#ifdef __linux__
#include "sandbox.h"
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

sandbox_root sandbox_roots[SANDBOX_ROOTS_MAX];
int sandbox_root_count;
char sandbox_folder[PATH_MAX];
char sandbox_program[PATH_MAX];
uint64_t sandbox_pass;
static int is_on;
static const char *_Atomic refusal;
static _Atomic int64_t output, output_max = INT64_MAX;

int shim_sandbox_is_on(void) { return is_on; }

const char *shim_sandbox_refusal(void) { return atomic_exchange(&refusal, NULL); }

long sandbox_refuse(const char *reason) {
  refusal = reason;
  return -EACCES;
}

void shim_sandbox_limit_output(int64_t bytes) { output_max = bytes; }

void sandbox_count_output(long bytes) {
  if (atomic_fetch_add(&output, bytes) + bytes <= output_max) return;
  static const char message[] = "perilune: more output than the limit of --sandbox allows; --max-output=SIZE raises it\n";
  syscall(SYS_write, STDERR_FILENO, message, sizeof message - 1, 0, 0, sandbox_pass);
  syscall(SYS_exit_group, 1);
}

// The path without empty and `.` components, from the root of the file system.
static int absolute(const char *path, char out[PATH_MAX]) {
  char full[2 * PATH_MAX];
  if (snprintf(full, sizeof full, "%s/%s", *path == '/' ? "" : sandbox_folder, path) >= PATH_MAX) {
    errno = ENAMETOOLONG;
    return -1;
  }
  size_t used = 0;
  for (char *rest = full, *part; (part = strtok_r(rest, "/", &rest)) != NULL;) {
    if (strcmp(part, ".") == 0) continue;
    if (strcmp(part, "..") == 0) {  // as the shell shows it; the real path has the links resolved
      while (used > 0 && out[--used] != '/') {}
      continue;
    }
    out[used++] = '/';
    strcpy(out + used, part);
    used += strlen(part);
  }
  if (used == 0) out[used++] = '/';
  out[used] = 0;
  return 0;
}

int shim_sandbox_root(const char *path, int read_only) {
  if (sandbox_root_count == SANDBOX_ROOTS_MAX) {
    errno = E2BIG;
    return -1;
  }
  sandbox_root *root = &sandbox_roots[sandbox_root_count];
  if (getcwd(sandbox_folder, PATH_MAX) == NULL || absolute(path, root->given) != 0) return -1;
  if (realpath(path, root->real) == NULL) return -1;
  root->handle = open(root->real, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root->handle < 0) return -1;
  root->read_only = read_only;
  sandbox_root_count++;
  return 0;
}

// Carries out a call that the filter handed over; its result goes where the kernel would have left it.
static void on_call(int number, siginfo_t *info, void *context) {
  (void)number;
  int before = errno;
  // A write may wait, as to a full pipe: signals are seen meanwhile as they were before the call.
  if (sandbox_may_wait(info->si_syscall)) {
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &((ucontext_t *)context)->uc_sigmask, NULL, sizeof(uint64_t));
  }
  mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
  greg_t *r = machine->gregs;
  unsigned long arguments[6] = {(unsigned long)r[REG_RDI], (unsigned long)r[REG_RSI], (unsigned long)r[REG_RDX],
                                (unsigned long)r[REG_R10], (unsigned long)r[REG_R8], (unsigned long)r[REG_R9]};
  r[REG_RAX] = sandbox_emulate(info->si_syscall, arguments);
#elif defined(__aarch64__)
  unsigned long arguments[6];
  for (int i = 0; i < 6; i++) arguments[i] = machine->regs[i];
  machine->regs[0] = (unsigned long)sandbox_emulate(info->si_syscall, arguments);
#endif
  errno = before;
}

const char *shim_sandbox_enter(void) {
  if (getcwd(sandbox_folder, PATH_MAX) == NULL) return "find the working folder";
  ssize_t length = readlink("/proc/self/exe", sandbox_program, PATH_MAX - 1);
  sandbox_program[length < 0 ? 0 : length] = 0;
  while (sandbox_pass == 0) {
    if (getrandom(&sandbox_pass, sizeof sandbox_pass, 0) != sizeof sandbox_pass) return "draw a random number";
  }
  // The local time is asked for by a path; a name that does not change is read only once.
  if (getenv("TZ") == NULL) setenv("TZ", ":/etc/localtime", 0);
  tzset();
#ifdef M_ARENA_MAX
  // Otherwise the first allocation of a thread reads the number of processors from a file; a thread of the
  // pool blocks all signals, and would be killed.
  mallopt(M_ARENA_MAX, 8);
#endif
  if (output_max < INT64_MAX) {
    struct rlimit limit = {(rlim_t)output_max, (rlim_t)output_max};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return "limit the size of files";
  }
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_call;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&action.sa_mask);  // a call on names is carried out whole before another signal is seen
  sigdelset(&action.sa_mask, SIGSEGV);
  if (sigaction(SIGSYS, &action, NULL) != 0) return "handle SIGSYS";
  if (sandbox_landlock_install() != 0) return "restrict files with Landlock";
  if (sandbox_filter_install() != 0) return "install the seccomp filter";
  is_on = 1;
  return NULL;
}
#else
int shim_sandbox_root(const char *path, int read_only) {
  (void)path, (void)read_only;
  return 0;
}
void shim_sandbox_limit_output(int64_t bytes) { (void)bytes; }
const char *shim_sandbox_enter(void) {
  errno = ENOSYS;
  return "close the sandbox, which needs Linux";
}
int shim_sandbox_is_on(void) { return 0; }
const char *shim_sandbox_refusal(void) { return 0; }
#endif
