// The interrupt flag, set by the SIGINT handler and read by native loops.
#pragma once

// Nonzero from Ctrl-C until the interpreter has consumed it.
int shim_interrupt_pending(void);
// Set and clear the flag by hand: the interpreter clears it once it raised the Lua error; tests set it.
void shim_interrupt_set(void);
void shim_interrupt_clear(void);
