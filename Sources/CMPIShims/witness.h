// Names a process that is killed where the launcher does not: MPICH's tells its process id, and kills the others at
// once.
//
// One witness a machine, a child of its first process, holds a socket of each process of the machine. A process says
// how it ends; one that says nothing was killed. The order in which sockets end is that of the kernel's list of events,
// so the one that was killed first is known however late the witness runs.
#pragma once

// Before MPI_Init, which may register memory that a fork would copy: starts the witness in the first process.
void witness_start(void);
// After MPI_Init: joins process `rank` of `size` to it.
void witness_join(int rank, int size);
// Ends the connection: this process leaves, or it `spoke` and ends the job.
void witness_tell(int spoke);
