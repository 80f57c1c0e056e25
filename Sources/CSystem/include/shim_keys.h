// The terminal: keys that were read while it was asked what it can draw, which whoever reads keys next takes first; its
// screen; and what it drops at Ctrl-C.
#pragma once
#include <stddef.h>

// Adds keys in the order in which they were typed; what does not fit is dropped.
void shim_keys_keep(const unsigned char *keys, size_t count);
// The oldest kept key, or -1.
int shim_keys_next(void);
int shim_keys_are_kept(void);

// An answer of the terminal is still to come: `collect` reads what has arrived, and keeps what is typed keys.
// NULL: none is to come.
void shim_keys_expect(void (*collect)(void));
// Calls `collect` if an answer is to come.
void shim_keys_collect(void);

// The prompt reads kept keys from now on.
void shim_keys_have_reader(void);
// Gives kept keys to C's standard input, for a script that reads lines; nothing where the prompt reads them.
void shim_keys_give_to_stdin(void);

// The terminal as one screen of the program: another buffer, no cursor, keys one by one without echo; Ctrl-C stays a
// signal. Returns 0, or -1 with errno. The end of the process gives the terminal back, also by exit or SIGTERM.
int shim_screen_enter(void);
// Gives the terminal back as it was; nothing where it was not taken.
void shim_screen_leave(void);
int shim_screen_is_taken(void);
// Gives the terminal back before a `_exit`, which runs nothing at the end of the process; also in a signal handler.
void shim_terminal_give_back(void);

// While on, Ctrl-C drops nothing of what was written to the terminal; nothing happens where the output is no terminal.
// The end of the process turns it off.
void shim_output_keep(int on);
// Called at Ctrl-C, also in a signal handler: drops the keys typed before it.
void shim_output_pressed(void);
