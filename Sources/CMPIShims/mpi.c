// See shim_mpi.h. Signatures are those of the MPI standard with each handle as a pointer-sized integer: Open MPI's
// handles are addresses of globals, MPICH's are the constants of its ABI.
#define _GNU_SOURCE
#include "shim_mpi.h"
#include "siblings.h"
#include "witness.h"
#include <dlfcn.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef uintptr_t Handle;
// A request is an int in MPICH and a pointer in Open MPI; both libraries write it where this is.
typedef uintptr_t Request;

static struct {
  int (*init_thread)(int *, char ***, int, int *);
  int (*initialized)(int *);
  int (*finalize)(void);
  int (*comm_rank)(Handle, int *);
  int (*comm_size)(Handle, int *);
  int (*isend)(const void *, int, Handle, int, int, Handle, Request *);
  int (*irecv)(void *, int, Handle, int, int, Handle, Request *);
  int (*ialltoallv)(const void *, const int *, const int *, Handle, void *, const int *, const int *, Handle, Handle,
                    Request *);
  int (*iallgatherv)(const void *, int, Handle, void *, const int *, const int *, Handle, Handle, Request *);
  int (*ibarrier)(Handle, Request *);
  int (*test)(Request *, int *, void *);
  int (*abort)(Handle, int);
  Handle world, byte;
  // MPI_ANY_SOURCE and MPI_STATUS_IGNORE.
  int any_source;
  void *no_status;
  const char *library;
  int rank, size;
  pid_t process;
  // Calls that wait for all processes, and the seconds in them, so far.
  int64_t calls;
  double waited;
} mpi = {.library = "", .size = 0};

// MPI_THREAD_FUNNELED: only the thread that started MPI calls it. The same number in both libraries.
enum { funneled = 1 };

// The library that the launcher's variables call for: its file, or NULL where no launcher started this process.
static const char *wanted_library(void) {
  if (getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK")) return "libmpi.so.40";
  if (getenv("PMI_RANK") || getenv("PMI_SIZE")) return "libmpich.so.12";
  return NULL;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// MARK: Processes that leave.

// What a process sends to all others when it leaves with status 0: who it is and how many calls it took part in. One
// that waits in a later call then waits for ever.
typedef struct {
  int64_t rank, calls;
} Farewell;

enum { farewell_tag = 7411 };

static struct {
  Farewell next;
  Request request;
  int count;
} farewells;

static void await_farewell(void) {
  mpi.irecv(&farewells.next, sizeof(Farewell), mpi.byte, mpi.any_source, farewell_tag, mpi.world, &farewells.request);
}

// Whether a farewell has come; `farewells.next` is it until the next one is awaited.
static int has_farewell(void) {
  int is_there = 0;
  return farewells.count < mpi.size - 1 && mpi.test(&farewells.request, &is_there, mpi.no_status) == 0 && is_there;
}

// Awaits the next farewell after one.
static void next_farewell(void) {
  farewells.count++;
  if (farewells.count < mpi.size - 1) await_farewell();
}

static void idle(long nanoseconds) { nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL); }

// Leaves with the others: MPI_Finalize waits for them, and nobody would see that one waits for this process.
static void say_farewell(void) {
  Farewell own = {.rank = mpi.rank, .calls = mpi.calls};
  Request *sent = calloc((size_t)mpi.size, sizeof(Request));
  for (int p = 0; sent && p < mpi.size; p++) {
    if (p != mpi.rank) mpi.isend(&own, sizeof own, mpi.byte, p, farewell_tag, mpi.world, &sent[p]);
  }
  while (farewells.count < mpi.size - 1) {
    if (has_farewell()) {
      next_farewell();
    } else {
      idle(200000);
    }
  }
  for (int p = 0; sent && p < mpi.size; p++) {
    for (int is_done = p == mpi.rank; !is_done;) {
      if (mpi.test(&sent[p], &is_done, mpi.no_status) != 0) break;
    }
  }
  free(sent);
}

// Ends the job: the launcher ends the other processes, and may then drop what it has not yet read of a message.
static void end_job(int status) {
  witness_tell(1);
  idle(200000000);
  mpi.abort(mpi.world, status);
  _exit(status);
}

// The process of the launcher ends all others at once when one of them leaves without MPI_Finalize.
static void leave(int status, void *unused) {
  (void)unused;
  if (getpid() != mpi.process) return;
  if (status == 0) {
    say_farewell();
    witness_tell(0);
    mpi.finalize();
  } else {
    fprintf(stderr, "perilune: process %d of %d ends with status %d, and the job with it\n", mpi.rank, mpi.size,
            status);
    end_job(status);
  }
}

// MARK: Start.

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
  mpi.isend = loaded(library, "MPI_Isend", &missing);
  mpi.irecv = loaded(library, "MPI_Irecv", &missing);
  mpi.ialltoallv = loaded(library, "MPI_Ialltoallv", &missing);
  mpi.iallgatherv = loaded(library, "MPI_Iallgatherv", &missing);
  mpi.ibarrier = loaded(library, "MPI_Ibarrier", &missing);
  mpi.test = loaded(library, "MPI_Test", &missing);
  mpi.abort = loaded(library, "MPI_Abort", &missing);
  if (missing) return failed(problem, capacity, file, missing);
  void *open_mpi_world = dlsym(library, "ompi_mpi_comm_world");
  if (open_mpi_world) {
    mpi.library = "Open MPI";
    mpi.world = (Handle)open_mpi_world;
    mpi.byte = (Handle)dlsym(library, "ompi_mpi_byte");
    mpi.any_source = -1;
    mpi.no_status = NULL;
  } else {
    mpi.library = "MPICH";
    mpi.world = 0x44000000;
    mpi.byte = 0x4c00010d;
    mpi.any_source = -2;
    mpi.no_status = (void *)1;
  }
  // Open MPI's launcher names the process that was killed.
  if (!open_mpi_world) witness_start();
  int provided = 0, is_initialized = 0;
  mpi.initialized(&is_initialized);
  siblings_watch();
  int began = is_initialized ? 0 : mpi.init_thread(NULL, NULL, funneled, &provided);
  siblings_unwatch();
  if (began != 0) {
    return failed(problem, capacity, mpi.library, "MPI_Init_thread failed");
  }
  if (mpi.comm_rank(mpi.world, &mpi.rank) != 0 || mpi.comm_size(mpi.world, &mpi.size) != 0) {
    mpi.size = 0;
    return failed(problem, capacity, mpi.library, "MPI_Comm_rank failed");
  }
  mpi.process = getpid();
  if (mpi.size > 1) await_farewell();
  if (!open_mpi_world) witness_join(mpi.rank, mpi.size);
  on_exit(leave, NULL);
  return mpi.size;
}

int shim_mpi_rank(void) { return mpi.rank; }
const char *shim_mpi_library(void) { return mpi.library; }

// MARK: Calls that wait for other processes.

static struct {
  double seconds;
  char step[128];
} watched;

void shim_mpi_watch(double seconds, const char *step) {
  watched.seconds = seconds;
  snprintf(watched.step, sizeof watched.step, "%s", step);
}

// Ends the job if a process that this one waits for has left, or if it waits for longer than it may.
static void check_wait(double waited) {
  while (has_farewell()) {
    Farewell left = farewells.next;
    if (left.calls < mpi.calls) {
      fprintf(stderr, "perilune: process %d of %d left with status 0, and process %d waits for it%s%s: the job ends\n",
              (int)left.rank, mpi.size, mpi.rank, watched.step[0] ? " at " : "", watched.step);
      end_job(1);
    }
    next_farewell();
  }
  if (watched.seconds > 0 && waited > watched.seconds) {
    fprintf(stderr, "perilune: process %d of %d waited %.0f s for the others at %s: the job ends\n", mpi.rank,
            mpi.size, watched.seconds, watched.step);
    end_job(1);
  }
}

// Waits for a request: at full speed at first, then it lets other processes of this machine run.
static int finished(int status, Request *request) {
  enum { spins = 2000 };
  const double check_every = 0.02, patience = 0.25;
  const double began = now();
  double next = 0;
  for (int tries = 0; status == 0; tries++) {
    int is_done = 0;
    status = mpi.test(request, &is_done, mpi.no_status);
    if (is_done) break;
    if (tries < spins) continue;
    double time = now();
    if (time >= next) {
      check_wait(time - began);
      next = time + check_every;
    }
    if (time - began < patience) {
      sched_yield();
    } else {
      idle(50000);
    }
  }
  mpi.waited += now() - began;
  return status;
}

double shim_mpi_waited(void) { return mpi.waited; }

int shim_mpi_all_to_all(const void *send, const int *send_counts, const int *send_starts, void *receive,
                        const int *receive_counts, const int *receive_starts) {
  Request request = 0;
  mpi.calls++;
  return finished(mpi.ialltoallv(send, send_counts, send_starts, mpi.byte, receive, receive_counts, receive_starts,
                                 mpi.byte, mpi.world, &request),
                  &request);
}

int shim_mpi_all_gather(const void *send, int bytes, void *receive, const int *counts, const int *starts) {
  Request request = 0;
  mpi.calls++;
  return finished(
      mpi.iallgatherv(send, bytes, mpi.byte, receive, counts, starts, mpi.byte, mpi.world, &request), &request);
}

int shim_mpi_barrier(void) {
  Request request = 0;
  mpi.calls++;
  return finished(mpi.ibarrier(mpi.world, &request), &request);
}
