// Takes the terminal for a full-screen program and gives it back at every end of the process.
#include "shim_keys.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static volatile sig_atomic_t is_taken;

// Signals that end a process by default.
static const int ending[] = {SIGTERM, SIGHUP, SIGQUIT, SIGABRT};
enum { ENDING = sizeof ending / sizeof ending[0] };
static struct sigaction actions[ENDING];

static void put(const char *text) {
  size_t count = strlen(text);
  while (count > 0) {
    ssize_t written = write(STDOUT_FILENO, text, count);
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text += written, count -= (size_t)written;
  }
}

// Only calls that a signal handler may make.
static void give_back(void) {
  if (!is_taken) return;
  is_taken = 0;
  put("\033[0m\033[?25h\033[?1049l");
  tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void on_end(int number) {
  give_back();
  signal(number, SIG_DFL);
  raise(number);
}

int shim_screen_enter(void) {
  static int is_registered;
  if (is_taken) return 0;
  if (tcgetattr(STDIN_FILENO, &before) != 0) return -1;
  struct termios raw = before;
  raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
  // Ctrl-C must not drop the sequence that gives the screen back (output.c).
  raw.c_lflag |= NOFLSH;
  raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
  raw.c_cc[VMIN] = raw.c_cc[VTIME] = 0;
  // A stopped program would leave its screen behind.
  raw.c_cc[VSUSP] = raw.c_cc[VQUIT] = _POSIX_VDISABLE;
  if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) return -1;
  is_taken = 1;
  if (!is_registered) is_registered = atexit(give_back) == 0;
  struct sigaction action = {.sa_handler = on_end};
  for (int i = 0; i < ENDING; i++) {
    sigaction(ending[i], NULL, &actions[i]);
    if (actions[i].sa_handler == SIG_DFL) sigaction(ending[i], &action, NULL);
  }
  put("\033[?1049h\033[?25l\033[2J\033[H");
  return 0;
}

int shim_screen_is_taken(void) { return is_taken; }

void shim_terminal_give_back(void) {
  give_back();
  shim_output_keep(0);
}

void shim_screen_leave(void) {
  if (!is_taken) return;
  give_back();
  for (int i = 0; i < ENDING; i++) sigaction(ending[i], &actions[i], NULL);
}
