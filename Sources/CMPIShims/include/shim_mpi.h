// MPI without linking MPI: the library that the launcher belongs to is loaded when the program runs.
//
// Open MPI and MPICH have other handles behind the same names, so one of mpi.h's would exclude the other, and a program
// linked against a library needs it on every machine. The launcher's variables tell which of the two to load.
// A process that leaves with status 0 before such a call ends the job: the others say which process they wait for.
// All counts are bytes. Every function but `shim_mpi_start` is called only in a process that it started.
#pragma once

// Joins the processes of a launcher. Returns their number; 1 where none started this process, and nothing is loaded
// then; -1 where one did and its library cannot be used: `problem` then holds a sentence.
int shim_mpi_start(char *_Nonnull problem, int capacity);
// The number of this process, from 0.
int shim_mpi_rank(void);
// "Open MPI", "MPICH", or "" for a process without a launcher.
const char *_Nonnull shim_mpi_library(void);
// Process p gets send_counts[p] bytes from send + send_starts[p]. Returns 0, or MPI's error.
int shim_mpi_all_to_all(const void *_Nonnull send, const int *_Nonnull send_counts, const int *_Nonnull send_starts,
                        void *_Nonnull receive, const int *_Nonnull receive_counts,
                        const int *_Nonnull receive_starts);
// Every process gets the bytes of all, those of process p at receive + starts[p]. Returns 0, or MPI's error.
int shim_mpi_all_gather(const void *_Nonnull send, int bytes, void *_Nonnull receive, const int *_Nonnull counts,
                        const int *_Nonnull starts);
// Waits for all processes. Returns 0, or MPI's error.
int shim_mpi_barrier(void);
// The seconds that this process spent in these calls.
double shim_mpi_waited(void);
// Ends all processes of the job with `status` if this one waits for the others longer than `seconds`; 0 never does.
// `step` is printed with the number of the process.
void shim_mpi_watch(double seconds, const char *_Nonnull step);
