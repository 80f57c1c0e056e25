// See siblings.h. A process of the job is one that has the launcher's variable of its rank and the launcher above it,
// so a shell around a program counts too.
#define _GNU_SOURCE
#include "siblings.h"
#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ranks_max = 4096, environment_max = 1 << 17, checks_a_second = 4 };

// How many checks in a row must miss a process: a launcher starts those of one machine within a fraction of a second.
enum { patience = 6 };

static const struct {
  const char *rank, *size, *local_size;
} launchers[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"},
};

static atomic_int is_watching;

// Reads a file of /proc/PID; returns its length, 0 where it cannot be read. The text ends with a 0.
static size_t read_file(int process, const char *name, char *text, size_t capacity) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", process, name);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  size_t length = fread(text, 1, capacity - 1, file);
  text[length] = 0;
  fclose(file);
  return length;
}

// The parent of a process and its state; 0 where there is none. A process that ended and waits for its parent has
// the state Z.
static int parent_of(int process, char *state) {
  char text[512];
  int parent = 0;
  *state = 'Z';
  if (read_file(process, "stat", text, sizeof text) == 0) return 0;
  const char *after_name = strrchr(text, ')');
  if (!after_name || sscanf(after_name, ") %c %d", state, &parent) != 2) return 0;
  return parent;
}

// The rank in the environment of a process; -1 without one.
static int rank_of(int process, const char *variable, char *text) {
  size_t length = read_file(process, "environ", text, environment_max), name = strlen(variable);
  for (const char *at = text; at < text + length; at += strlen(at) + 1) {
    if (strncmp(at, variable, name) == 0 && at[name] == '=') return atoi(at + name + 1);
  }
  return -1;
}

// The nearest process above that has no rank, if it is a launcher of MPI; 0 where none is.
static int launcher_above(int process, const char *variable, char *text) {
  static const char *const names[] = {"mpirun", "mpiexec", "orted", "prte", "hydra"};
  char state, name[64];
  do {
    process = parent_of(process, &state);
  } while (process > 1 && rank_of(process, variable, text) >= 0);
  if (process <= 1 || read_file(process, "comm", name, sizeof name) == 0) return 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strncmp(name, names[i], strlen(names[i])) == 0) return process;
  }
  return 0;
}

// How many ranks of the launcher's job are on this machine; `seen[r]` is set for each.
static int count_ranks(int launcher, const char *variable, char *text, char *seen) {
  int count = 0;
  memset(seen, 0, ranks_max);
  DIR *all = opendir("/proc");
  for (struct dirent *entry; all && (entry = readdir(all));) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    int process = atoi(entry->d_name), rank = rank_of(process, variable, text);
    if (rank < 0 || rank >= ranks_max || seen[rank]) continue;
    char state, ignored;
    int above = parent_of(process, &state);
    while (above > 1 && above != launcher) above = parent_of(above, &ignored);
    if (above != launcher || state == 'Z') continue;
    seen[rank] = 1;
    count++;
  }
  if (all) closedir(all);
  return count;
}

static void *watch(void *unused) {
  (void)unused;
  size_t which = getenv(launchers[0].rank) ? 0 : 1;
  const char *variable = launchers[which].rank, *size = getenv(launchers[which].size);
  const char *local = getenv(launchers[which].local_size);
  char *text = malloc(environment_max), *seen = malloc(ranks_max);
  int launcher = text && seen && size && local && getenv(variable) ? launcher_above(getpid(), variable, text) : 0;
  for (int missing = 0, gone = 0; launcher && atomic_load(&is_watching);) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000000 / checks_a_second}, NULL);
    missing = count_ranks(launcher, variable, text, seen) < atoi(local) ? missing + 1 : 0;
    // The first gap in the ranks is the one that left, before others end with this message; on one machine alone.
    for (int r = 0; missing == 1 && r < ranks_max && (r == 0 || seen[r - 1]); r++) gone = r;
    if (missing < patience || !atomic_load(&is_watching)) continue;
    if (atoi(local) == atoi(size)) {
      fprintf(stderr, "perilune: process %d of %s left before it joined the others: the job ends\n", gone, size);
    } else {
      fprintf(stderr, "perilune: a process of the machine of process %s left before it joined: the job ends\n",
              getenv(variable));
    }
    // The launcher may drop what it has not read when a process ends.
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    _exit(1);
  }
  free(text);
  free(seen);
  return NULL;
}

void siblings_watch(void) {
  pthread_t thread;
  atomic_store(&is_watching, 1);
  if (pthread_create(&thread, NULL, watch, NULL) == 0) pthread_detach(thread);
}

void siblings_unwatch(void) { atomic_store(&is_watching, 0); }
