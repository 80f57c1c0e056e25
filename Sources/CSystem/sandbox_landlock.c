// Landlock, where the kernel has it: the same roots a second time, enforced by the kernel alone.
#define _GNU_SOURCE
#include "sandbox.h"
#ifdef __linux__
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The kernel's interface (linux/landlock.h of Linux 6.12): the header of an older system lacks its newer parts.
struct ruleset {
  uint64_t files, network, scopes;
};
struct __attribute__((packed)) rule {
  uint64_t allowed;
  int32_t folder;
};
enum { RULE_PATH_BENEATH = 1, VERSION = 1 };
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };  // on every processor
static const uint64_t write_file = 1 << 1, read_file = 1 << 2, read_folder = 1 << 3, remove_folder = 1 << 4,
                      remove_file = 1 << 5, make_folder = 1 << 7, make_file = 1 << 8, refer = 1 << 13, truncate_file = 1 << 14;

static int allow(int rules, int folder, uint64_t allowed) {
  struct rule rule = {allowed, folder};
  return (int)syscall(ADD_RULE, rules, RULE_PATH_BENEATH, &rule, 0);
}

int sandbox_landlock_install(void) {
  long version = syscall(CREATE_RULESET, NULL, 0, VERSION);
  if (version < 1) return 0;
  // All accesses of a version are handled: what no rule allows is refused.
  uint64_t known = version >= 5 ? (1 << 16) - 1 : version >= 3 ? (1 << 15) - 1 : version >= 2 ? (1 << 14) - 1 : (1 << 13) - 1;
  struct ruleset all = {known, version >= 4 ? 3 : 0, version >= 6 ? 3 : 0};
  size_t size = version >= 6 ? sizeof all : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
  int rules = (int)syscall(CREATE_RULESET, &all, size, 0);
  if (rules < 0) return -1;
  uint64_t reading = read_file | read_folder;
  uint64_t writing = known & (reading | write_file | remove_folder | remove_file | make_folder | make_file | refer | truncate_file);
  int status = 0;
  for (int i = 0; i < sandbox_root_count && status == 0; i++) {
    status = allow(rules, sandbox_roots[i].handle, sandbox_roots[i].read_only ? reading : writing);
  }
  int null = open("/dev/null", O_PATH | O_CLOEXEC);
  if (status == 0 && null >= 0) status = allow(rules, null, known & (read_file | write_file));
  if (null >= 0) close(null);
  if (status == 0) status = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (status == 0) status = (int)syscall(RESTRICT_SELF, rules, 0);
  int problem = errno;
  close(rules);
  errno = problem;
  return status;
}
#endif
