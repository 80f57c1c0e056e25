// See witness.h.
#define _GNU_SOURCE
#include "witness.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { processes_max = 1024 };

// The last word of a process: none yet, that it joins, leaves, or spoke of the end of the job itself.
typedef struct {
  enum { nothing, joins, leaves, speaks } kind;
  int rank, size, process;
} Word;

// The connection of this process; -1 without one.
static int line = -1;

// The address of the witness of this job: the launcher is the parent of all its processes on a machine.
static socklen_t set_address(struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  // Its first byte is 0: a name without a file.
  int length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "perilune-mpi-%d-%d", (int)getuid(),
                        (int)getppid());
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

// Reads the words of a process. Returns whether its socket has ended.
static int has_ended(int socket, Word *last) {
  for (;;) {
    Word word;
    ssize_t count = recv(socket, &word, sizeof word, MSG_DONTWAIT);
    if (count == (ssize_t)sizeof word) {
      *last = word;
    } else {
      return count >= 0 || errno != EAGAIN;
    }
  }
}

// The witness itself, in a child: system calls only.
static _Noreturn void watch(int listener) {
  static Word words[processes_max];
  char host[64] = "";
  gethostname(host, sizeof host - 1);
  int events = epoll_create1(0), count = 0, alive = 0, spoke = 0;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = -1};
  epoll_ctl(events, EPOLL_CTL_ADD, listener, &event);
  int sockets[processes_max];
  while (count == 0 || alive > 0) {
    // One at a time: the kernel's list is in the order in which they came.
    if (epoll_wait(events, &event, 1, -1) != 1) continue;
    int i = event.data.fd;
    if (i < 0) {
      int socket = accept(listener, NULL, NULL);
      if (socket < 0 || count == processes_max) _exit(1);
      sockets[count] = socket;
      event = (struct epoll_event){.events = EPOLLIN, .data.fd = count};
      epoll_ctl(events, EPOLL_CTL_ADD, socket, &event);
      count++;
      alive++;
      continue;
    }
    int ended = has_ended(sockets[i], &words[i]);
    spoke |= words[i].kind == speaks;
    if (!ended) continue;
    if (words[i].kind == joins && !spoke) {
      dprintf(2, "perilune: process %d of %d (process id %d on %s) was killed: the job ends\n", words[i].rank,
              words[i].size, words[i].process, host);
    }
    spoke |= words[i].kind <= joins;
    close(sockets[i]);
    alive--;
  }
  _exit(0);
}

// Connects to the witness.
static void connect_line(void) {
  struct sockaddr_un address;
  socklen_t length = set_address(&address);
  line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (line >= 0 && connect(line, (struct sockaddr *)&address, length) != 0) {
    close(line);
    line = -1;
  }
}

void witness_start(void) {
  const char *number = getenv("MPI_LOCALRANKID");
  if (!number || strcmp(number, "0") != 0) return;
  struct sockaddr_un address;
  socklen_t length = set_address(&address);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return;
  if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, processes_max) != 0) {
    close(listener);
    return;
  }
  // Joined here, so that the witness has a process whose end ends it.
  connect_line();
  pid_t child = line < 0 ? -1 : fork();
  if (child == 0) {
    if (fork() != 0) _exit(0);
    setsid();
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    int nowhere = open("/dev/null", O_RDWR);
    dup2(nowhere, 0);
    dup2(nowhere, 1);
    // The launcher waits for the ends of its sockets.
    dup2(listener, 3);
    close_range(4, UINT_MAX, 0);
    watch(3);
  }
  if (child > 0) waitpid(child, NULL, 0);
  close(listener);
}

static void say(Word word) {
  if (line >= 0) send(line, &word, sizeof word, MSG_NOSIGNAL);
}

void witness_join(int rank, int size) {
  if (line < 0) connect_line();
  say((Word){joins, rank, size, (int)getpid()});
}

void witness_tell(int spoke) {
  say((Word){.kind = spoke ? speaks : leaves});
}
