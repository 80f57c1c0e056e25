// See shim_mpi.h. Signatures are those of the MPI standard with each handle as a pointer-sized integer: Open MPI's
// handles are addresses of globals, MPICH's are the constants of its ABI.
#define _GNU_SOURCE
#include "shim_mpi.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef uintptr_t Handle;

static struct {
  int (*init_thread)(int *, char ***, int, int *);
  int (*initialized)(int *);
  int (*finalize)(void);
  int (*comm_rank)(Handle, int *);
  int (*comm_size)(Handle, int *);
  int (*bcast)(void *, int, Handle, int, Handle);
  int (*alltoallv)(const void *, const int *, const int *, Handle, void *, const int *, const int *, Handle, Handle);
  int (*allgatherv)(const void *, int, Handle, void *, const int *, const int *, Handle, Handle);
  int (*barrier)(Handle);
  int (*abort)(Handle, int);
  Handle world, byte;
  const char *library;
  int rank, size;
  pid_t process;
} mpi = {.library = "", .size = 0};

// MPI_THREAD_FUNNELED: only the thread that started MPI calls it. The same number in both libraries.
enum { funneled = 1 };

// The library that the launcher's variables call for: its file, or NULL where no launcher started this process.
static const char *wanted_library(void) {
  if (getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK")) return "libmpi.so.40";
  if (getenv("PMI_RANK") || getenv("PMI_SIZE")) return "libmpich.so.12";
  return NULL;
}

// The process of the launcher ends all others at once when one of them leaves without MPI_Finalize.
static void leave(int status, void *unused) {
  (void)unused;
  if (getpid() != mpi.process) return;
  if (status == 0) {
    mpi.finalize();
  } else {
    fprintf(stderr, "perilune: process %d of %d ends with status %d, and the job with it\n", mpi.rank, mpi.size,
            status);
    mpi.abort(mpi.world, status);
  }
}

static int failed(char *problem, int capacity, const char *what, const char *why) {
  snprintf(problem, (size_t)capacity, "%s: %s", what, why ? why : "unknown error");
  return -1;
}

static void *loaded(void *library, const char *name, const char **missing) {
  void *found = dlsym(library, name);
  if (!found && !*missing) *missing = name;
  return found;
}

int shim_mpi_start(char *problem, int capacity) {
  if (mpi.size > 0) return mpi.size;
  const char *file = wanted_library();
  if (!file) {
    mpi.size = 1;
    return 1;
  }
  void *library = dlopen(file, RTLD_NOW | RTLD_GLOBAL);
  if (!library) return failed(problem, capacity, "a launcher of MPI started this process", dlerror());
  const char *missing = NULL;
  mpi.init_thread = loaded(library, "MPI_Init_thread", &missing);
  mpi.initialized = loaded(library, "MPI_Initialized", &missing);
  mpi.finalize = loaded(library, "MPI_Finalize", &missing);
  mpi.comm_rank = loaded(library, "MPI_Comm_rank", &missing);
  mpi.comm_size = loaded(library, "MPI_Comm_size", &missing);
  mpi.bcast = loaded(library, "MPI_Bcast", &missing);
  mpi.alltoallv = loaded(library, "MPI_Alltoallv", &missing);
  mpi.allgatherv = loaded(library, "MPI_Allgatherv", &missing);
  mpi.barrier = loaded(library, "MPI_Barrier", &missing);
  mpi.abort = loaded(library, "MPI_Abort", &missing);
  if (missing) return failed(problem, capacity, file, missing);
  void *open_mpi_world = dlsym(library, "ompi_mpi_comm_world");
  if (open_mpi_world) {
    mpi.library = "Open MPI";
    mpi.world = (Handle)open_mpi_world;
    mpi.byte = (Handle)dlsym(library, "ompi_mpi_byte");
  } else {
    mpi.library = "MPICH";
    mpi.world = 0x44000000;
    mpi.byte = 0x4c00010d;
  }
  int provided = 0, is_initialized = 0;
  mpi.initialized(&is_initialized);
  if (!is_initialized && mpi.init_thread(NULL, NULL, funneled, &provided) != 0) {
    return failed(problem, capacity, mpi.library, "MPI_Init_thread failed");
  }
  if (mpi.comm_rank(mpi.world, &mpi.rank) != 0 || mpi.comm_size(mpi.world, &mpi.size) != 0) {
    mpi.size = 0;
    return failed(problem, capacity, mpi.library, "MPI_Comm_rank failed");
  }
  mpi.process = getpid();
  on_exit(leave, NULL);
  return mpi.size;
}

int shim_mpi_rank(void) { return mpi.rank; }
const char *shim_mpi_library(void) { return mpi.library; }

// MARK: The watch over calls that wait for other processes.

static struct {
  pthread_mutex_t lock;
  double seconds;
  char step[128];
  double began;  // 0 outside a call
  int has_thread;
} watched = {.lock = PTHREAD_MUTEX_INITIALIZER};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *watch(void *unused) {
  (void)unused;
  for (;;) {
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    pthread_mutex_lock(&watched.lock);
    int is_late = watched.seconds > 0 && watched.began > 0 && now() - watched.began > watched.seconds;
    if (is_late) {
      fprintf(stderr, "perilune: process %d of %d waited %.0f s for the others at %s: the job ends\n", mpi.rank,
              mpi.size, watched.seconds, watched.step);
      // No clean end: the thread of MPI is inside a call.
      _exit(1);
    }
    pthread_mutex_unlock(&watched.lock);
  }
  return NULL;
}

void shim_mpi_watch(double seconds, const char *step) {
  pthread_mutex_lock(&watched.lock);
  watched.seconds = seconds;
  snprintf(watched.step, sizeof watched.step, "%s", step);
  int starts = seconds > 0 && !watched.has_thread;
  watched.has_thread |= starts;
  pthread_mutex_unlock(&watched.lock);
  pthread_t thread;
  if (starts && pthread_create(&thread, NULL, watch, NULL) == 0) pthread_detach(thread);
}

static void set_began(double time) {
  pthread_mutex_lock(&watched.lock);
  watched.began = time;
  pthread_mutex_unlock(&watched.lock);
}

#define WAITING(call) \
  set_began(now());   \
  int status = call;  \
  set_began(0);       \
  return status

int shim_mpi_broadcast(void *data, int bytes, int root) {
  WAITING(mpi.bcast(data, bytes, mpi.byte, root, mpi.world));
}

int shim_mpi_all_to_all(const void *send, const int *send_counts, const int *send_starts, void *receive,
                        const int *receive_counts, const int *receive_starts) {
  WAITING(mpi.alltoallv(send, send_counts, send_starts, mpi.byte, receive, receive_counts, receive_starts, mpi.byte,
                        mpi.world));
}

int shim_mpi_all_gather(const void *send, int bytes, void *receive, const int *counts, const int *starts) {
  WAITING(mpi.allgatherv(send, bytes, mpi.byte, receive, counts, starts, mpi.byte, mpi.world));
}

int shim_mpi_barrier(void) { WAITING(mpi.barrier(mpi.world)); }
