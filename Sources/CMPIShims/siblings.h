// Tells that a process of the job left before it joined: MPI_Init of the others would wait for it for ever.
#pragma once

// Watches the processes that the launcher started on this machine until `siblings_unwatch`, and ends this process
// with a message once one of them has been missing for three seconds.
void siblings_watch(void);
void siblings_unwatch(void);
