// Readline through its callback interface: this file waits for input itself, so a signal is seen at once and nothing is lost.
#define _GNU_SOURCE
#include "shim_readline.h"
#include "shim_interrupt.h"
#include <errno.h>
#include <poll.h>
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

int shim_read_line(const char *prompt, char **line) {
  *line = NULL;
  if (!isatty(STDIN_FILENO)) {
    *line = readline(prompt);
    return *line ? SHIM_LINE : SHIM_END_OF_INPUT;
  }
  sigset_t block, before;
  sigemptyset(&block);
  sigaddset(&block, SIGINT);
  sigprocmask(SIG_BLOCK, &block, &before);  // Ctrl-C arrives only inside ppoll: no gap between the test and the wait
  int status = SHIM_LINE;
  finished = 0;
  finished_line = NULL;
  rl_callback_handler_install(prompt, take_line);
  while (!finished) {
    if (shim_interrupt_pending()) {
      drop_line();
      status = SHIM_INTERRUPTED;
      break;
    }
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t open = before;
    sigdelset(&open, SIGINT);
    int ready = ppoll(&in, 1, NULL, &open);
    if (ready > 0) rl_callback_read_char();
    if (ready < 0 && errno != EINTR) {
      take_line(NULL);
      break;
    }
  }
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
  if (start > 0 && (rl_line_buffer[start - 1] == '"' || rl_line_buffer[start - 1] == '\'')) return NULL;  // a file name
  rl_attempted_completion_over = 1;
  rl_completion_append_character = '\0';
  candidates = complete(text, rl_line_buffer);
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
