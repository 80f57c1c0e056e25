// What was written to the terminal, kept while a picture is redrawn in its place.
//
// On Ctrl-C a terminal drops what the program wrote and nothing has read yet, so half a picture would stay. Its setting
// NOFLSH keeps that, and keeps the keys typed before Ctrl-C too: those are dropped here, as they are without it.
#include "shim_keys.h"
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t is_kept;

static void release(void) { shim_output_keep(0); }

void shim_output_keep(int on) {
  static int is_registered;
  struct termios settings;
  if (!on && !is_kept) return;
  // A process in the background would be stopped, and Ctrl-C is not meant for it.
  if (tcgetpgrp(STDOUT_FILENO) != getpgrp() || tcgetattr(STDOUT_FILENO, &settings) != 0) return;
  int is_set = (settings.c_lflag & NOFLSH) != 0;
  if (on && is_set) return;  // set before, or by the user
  if (on != is_set) {
    settings.c_lflag ^= NOFLSH;
    if (tcsetattr(STDOUT_FILENO, TCSANOW, &settings) != 0) return;
  }
  is_kept = on;
  if (on && !is_registered) is_registered = atexit(release) == 0;
}

void shim_output_pressed(void) {
  if (is_kept || shim_screen_is_taken()) tcflush(STDOUT_FILENO, TCIFLUSH);
}
