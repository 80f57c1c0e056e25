// Readline through its callback interface: this file waits for input itself, so that no signal is late or
// lost.
#define _GNU_SOURCE
#include "shim_readline.h"
#include "shim_interrupt.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <readline/readline.h>
#include <readline/history.h>

static shim_completer complete;
static char **candidates;
static int next_candidate;
static char *finished_line;
static int finished;

static void take_line(char *line) {
  finished_line = line;
  finished = 1;
  rl_callback_handler_remove();
}

// Clears what was typed and leaves the cursor on a new line.
static void drop_line(void) {
  rl_free_line_state();
  rl_callback_sigcleanup();
  rl_replace_line("", 0);
  rl_crlf();
  fflush(rl_outstream);
  rl_callback_handler_remove();
}

// Signals that would leave the terminal in the editor's mode. They are blocked while a line is edited, except
// inside ppoll, so the handler runs only there.
static const int ending[] = {SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { ENDING = sizeof ending / sizeof ending[0] };
static volatile sig_atomic_t received;

static pthread_t editing_thread;

// Only the thread that edits the line waits in ppoll: another thread passes the signal on.
static void on_ending(int number) {
  if (pthread_equal(pthread_self(), editing_thread)) received = number;
  else pthread_kill(editing_thread, number);
}

// Gives the terminal back and lets the signal have its usual effect. A process that was stopped goes on with
// the line.
static void obey_signal(const struct sigaction *before, const sigset_t *open) {
  int number = received;
  received = 0;
  rl_deprep_terminal();
  fflush(rl_outstream);
  struct sigaction ours;
  for (int i = 0; i < ENDING; i++) {
    if (ending[i] == number) sigaction(number, &before[i], &ours);
  }
  raise(number);
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, open, &blocked);  // the signal arrives here
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  sigaction(number, &ours, NULL);
  rl_prep_terminal(1);
  rl_forced_update_display();
}

int shim_read_line(const char *prompt, char **line) {
  *line = NULL;
  if (!isatty(STDIN_FILENO)) {
    *line = readline(prompt);
    return *line ? SHIM_LINE : SHIM_END_OF_INPUT;
  }
  editing_thread = pthread_self();
  sigset_t block, before, open;
  sigemptyset(&block);
  sigaddset(&block, SIGINT);
  struct sigaction action = {.sa_handler = on_ending}, actions[ENDING];
  for (int i = 0; i < ENDING; i++) sigaddset(&block, ending[i]);
  sigprocmask(SIG_BLOCK, &block, &before);  // a signal arrives only inside ppoll: no gap between the test and the wait
  for (int i = 0; i < ENDING; i++) {
    sigaction(ending[i], NULL, &actions[i]);
    if (actions[i].sa_handler == SIG_DFL) sigaction(ending[i], &action, NULL);
  }
  open = before;
  sigdelset(&open, SIGINT);
  for (int i = 0; i < ENDING; i++) sigdelset(&open, ending[i]);
  int status = SHIM_LINE;
  finished = 0;
  finished_line = NULL;
  rl_callback_handler_install(prompt, take_line);
  while (!finished) {
    if (received) obey_signal(actions, &open);
    if (shim_interrupt_pending()) {
      drop_line();
      status = SHIM_INTERRUPTED;
      break;
    }
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int ready = ppoll(&in, 1, NULL, &open);
    if (ready > 0) rl_callback_read_char();
    if (ready < 0 && errno != EINTR) {
      take_line(NULL);
      break;
    }
  }
  for (int i = 0; i < ENDING; i++) sigaction(ending[i], &actions[i], NULL);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (status == SHIM_LINE && finished_line == NULL) status = SHIM_END_OF_INPUT;
  *line = finished_line;
  return status;
}

static char *generate(const char *text, int state) {
  (void)text;
  if (state == 0) next_candidate = 0;
  if (candidates == NULL || candidates[next_candidate] == NULL) return NULL;
  return candidates[next_candidate++];  // readline frees it
}

static char **attempt(const char *text, int start, int end) {
  (void)end;
  char before[4096];
  size_t count = (size_t)start < sizeof before ? (size_t)start : sizeof before - 1;
  memcpy(before, rl_line_buffer + start - count, count);
  before[count] = 0;
  if (start > 0 && (rl_line_buffer[start - 1] == '"' || rl_line_buffer[start - 1] == '\'')) return NULL;  // a file name
  rl_attempted_completion_over = 1;
  rl_completion_append_character = '\0';
  candidates = complete(text, before);
  char **matches = rl_completion_matches(text, generate);
  free(candidates);
  candidates = NULL;
  return matches;
}

void shim_readline_setup(const char *name, shim_completer completer) {
  complete = completer;
  rl_readline_name = name;
  rl_catch_signals = 0;
  rl_attempted_completion_function = attempt;
  rl_basic_word_break_characters = rl_completer_word_break_characters = " \t\n\"'><=;+-*/%^~#{}()[],&|!?";
  using_history();
}

void shim_history_add(const char *entry) {
  HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
  if (last == NULL || strcmp(last->line, entry) != 0) add_history(entry);
}
