// The seccomp filter of the sandbox: which system calls go on, which go to the handler, and which fail.
//
// What is not listed goes on: it acts on what the process already holds. io_uring is refused as it would carry out calls
// that the filter does not see.
#define _GNU_SOURCE
#include "sandbox.h"
#ifdef __linux__
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// Calls that name a file or write one: the handler carries them out.
static const int handled[] = {
    SYS_openat, SYS_newfstatat, SYS_statx, SYS_faccessat, SYS_faccessat2, SYS_mkdirat, SYS_unlinkat, SYS_renameat2,
    SYS_readlinkat, SYS_write, SYS_writev, SYS_pwrite64, SYS_pwritev,
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_open
    SYS_open, SYS_creat, SYS_stat, SYS_lstat, SYS_access, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename, SYS_readlink,
#endif
};

// Calls that fail with ENOSYS, so that the C library takes another way.
static const int unknown[] = {SYS_openat2, SYS_clone3, SYS_copy_file_range, SYS_sendfile, SYS_splice, SYS_tee, SYS_vmsplice,
                              SYS_pwritev2, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};

static const int refused[] = {
    // programs and processes
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_open, SYS_pidfd_getfd,
    SYS_pidfd_send_signal, SYS_kcmp, SYS_tkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_process_madvise,
    // the network, and memory shared with others
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_shmget, SYS_shmat, SYS_msgget,
    SYS_semget, SYS_mq_open, SYS_mq_unlink, SYS_memfd_create,
    // files by other names than a path below a root
    SYS_open_by_handle_at, SYS_name_to_handle_at, SYS_linkat, SYS_symlinkat, SYS_mknodat, SYS_fchmodat, SYS_fchownat,
    SYS_utimensat, SYS_truncate, SYS_chdir, SYS_fchdir, SYS_chroot, SYS_statfs, SYS_setxattr, SYS_lsetxattr, SYS_getxattr,
    SYS_lgetxattr, SYS_listxattr, SYS_llistxattr, SYS_removexattr, SYS_lremovexattr, SYS_inotify_init1, SYS_inotify_add_watch,
    SYS_fanotify_init, SYS_fanotify_mark,
    // the system itself
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsmount, SYS_fspick, SYS_unshare,
    SYS_setns, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_init_module,
    SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl,
    SYS_syslog, SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_personality,
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_setfsuid,
    SYS_setfsgid, SYS_capset, SYS_setrlimit, SYS_setpriority, SYS_setpgid, SYS_setsid, SYS_ioprio_set, SYS_migrate_pages,
    SYS_move_pages, SYS_mbind, SYS_vhangup,
#ifdef SYS_fork
    SYS_fork, SYS_vfork, SYS_link, SYS_symlink, SYS_mknod, SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes,
    SYS_futimesat, SYS_inotify_init, SYS_uselib, SYS_ustat, SYS_sysfs, SYS_iopl, SYS_ioperm,
#endif
};

enum { INSTRUCTIONS_MAX = 1024 };
static struct sock_filter program[INSTRUCTIONS_MAX];
static unsigned short length;

static void emit(unsigned short code, unsigned yes, unsigned no, uint32_t k) {
  program[length++] = (struct sock_filter){code, (unsigned char)yes, (unsigned char)no, k};
}
static void give(uint32_t action) { emit(BPF_RET | BPF_K, 0, 0, action); }
static void read_word(size_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset); }
// The low (0) or high (1) half of an argument.
static void read_argument(int i, int half) { read_word(offsetof(struct seccomp_data, args) + (size_t)i * 8 + (size_t)half * 4); }
static void unless_equal_skip(uint32_t value, unsigned skip) { emit(BPF_JMP | BPF_JEQ | BPF_K, 0, skip, value); }

static const uint32_t no = SECCOMP_RET_ERRNO | EPERM, no_such_call = SECCOMP_RET_ERRNO | ENOSYS;

static void when(int number, uint32_t action) {
  unless_equal_skip((uint32_t)number, 1);
  give(action);
}

// With the pass of the handler a call goes on, without it `action` happens.
static void with_pass(const int *numbers, size_t count, uint32_t action) {
  for (size_t i = 0; i < count; i++) {
    unless_equal_skip((uint32_t)numbers[i], 6);
    read_argument(5, 0);
    unless_equal_skip((uint32_t)sandbox_pass, 3);
    read_argument(5, 1);
    unless_equal_skip((uint32_t)(sandbox_pass >> 32), 1);
    give(SECCOMP_RET_ALLOW);
    give(action);
  }
}

// A call whose argument `i` must have this low half.
static void only_with(int number, int i, uint32_t value) {
  unless_equal_skip((uint32_t)number, 4);
  read_argument(i, 0);
  unless_equal_skip(value, 1);
  give(SECCOMP_RET_ALLOW);
  give(no);
}

static void build(void) {
  length = 0;
  read_word(offsetof(struct seccomp_data, arch));
  unless_equal_skip(ARCHITECTURE, 1);
  emit(BPF_JMP | BPF_JA, 0, 0, 1);
  give(SECCOMP_RET_KILL_PROCESS);
  read_word(offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
  emit(BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000);  // the numbers of x32
  give(SECCOMP_RET_KILL_PROCESS);
#endif
  with_pass(handled, sizeof handled / sizeof *handled, SECCOMP_RET_TRAP);
  with_pass(unknown, 1, no_such_call);
  for (size_t i = 1; i < sizeof unknown / sizeof *unknown; i++) when(unknown[i], no_such_call);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) when(refused[i], no);
  // A thread is allowed, a process is not.
  unless_equal_skip(SYS_clone, 4);
  read_argument(0, 0);
  emit(BPF_JMP | BPF_JSET | BPF_K, 0, 1, CLONE_THREAD);
  give(SECCOMP_RET_ALLOW);
  give(no);
  only_with(SYS_kill, 0, (uint32_t)getpid());
  only_with(SYS_tgkill, 0, (uint32_t)getpid());
  // Limits can be read, not changed.
  unless_equal_skip(SYS_prlimit64, 6);
  read_argument(2, 0);
  unless_equal_skip(0, 3);
  read_argument(2, 1);
  unless_equal_skip(0, 1);
  give(SECCOMP_RET_ALLOW);
  give(no);
  // Typing into the terminal.
  unless_equal_skip(SYS_ioctl, 4);
  read_argument(1, 0);
  unless_equal_skip(TIOCSTI, 1);
  give(no);
  give(SECCOMP_RET_ALLOW);
  give(SECCOMP_RET_ALLOW);
}

int sandbox_filter_install(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  build();
  struct sock_fprog filter = {length, program};
  long status = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (status > 0) errno = EBUSY;  // a thread could not follow
  return status == 0 ? 0 : -1;
}
#endif
