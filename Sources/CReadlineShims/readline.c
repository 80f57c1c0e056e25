// Readline through its callback interface: this file waits for input itself, so that no signal is late or
// lost.
#define _GNU_SOURCE
#include "shim_readline.h"
#include "shim_interrupt.h"
#include "shim_keys.h"
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include <readline/readline.h>
#include <readline/history.h>

static shim_editor editor;
static char **candidates;
static int next_candidate;
static char *finished_line;
static int finished;

static void take_line(char *line) {
  finished_line = line;
  finished = 1;
  rl_callback_handler_remove();
}

// Leaves what was typed on the screen, and the cursor on a new line.
static void drop_line(void) {
  rl_free_line_state();
  rl_callback_sigcleanup();
  if (editor.leave) editor.leave("^C");
  else rl_crlf();
  rl_replace_line("", 0);
  fflush(rl_outstream);
  rl_callback_handler_remove();
}

// Signals that would leave the terminal in the editor's mode. They are blocked while a line is edited, except
// inside ppoll, so the handler runs only there. SIGWINCH only ends the wait.
static const int caught[] = {SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};
enum { CAUGHT = sizeof caught / sizeof caught[0] };
static volatile sig_atomic_t received, resized;

static pthread_t editing_thread;

// Only the thread that edits the line waits in ppoll: another thread passes the signal on.
static void on_signal(int number) {
  if (!pthread_equal(pthread_self(), editing_thread)) pthread_kill(editing_thread, number);
  else if (number == SIGWINCH) resized = 1;
  else received = number;
}

// Gives the terminal back and lets the signal have its usual effect. A process that was stopped goes on with
// the line.
static void obey_signal(const struct sigaction *before, const sigset_t *open) {
  int number = received;
  received = 0;
  if (editor.leave) editor.leave("");
  rl_deprep_terminal();
  fflush(rl_outstream);
  struct sigaction ours;
  for (int i = 0; i < CAUGHT; i++) {
    if (caught[i] == number) sigaction(number, &before[i], &ours);
  }
  raise(number);
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, open, &blocked);  // the signal arrives here
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  sigaction(number, &ours, NULL);
  rl_prep_terminal(1);
  rl_forced_update_display();
}

// Keys that were typed while the terminal was asked come before those that it still has.
static int next_key(FILE *stream) {
  int key = shim_keys_next();
  return key >= 0 ? key : rl_getc(stream);
}

static int is_key_there_within(int wait_ms) {
  if (shim_keys_are_kept()) return 1;
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&in, 1, wait_ms) > 0;
}

// The rest of a sequence of keys may take as long as readline waits for it by default.
static int is_key_there(void) { return is_key_there_within(100); }

// The line is drawn when no more input waits: a pasted text is drawn once.
static int must_draw;

static void draw_later(void) { must_draw = 1; }

static int wait_for_input(const sigset_t *open) {
  if (shim_keys_are_kept()) return 1;
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  const struct timespec none = {0, 0};
  if (must_draw) {
    int ready = ppoll(&in, 1, &none, open);
    if (ready != 0) return ready;
    must_draw = 0;
    editor.draw();
  }
  return ppoll(&in, 1, NULL, open);
}

// Readline asks for what the terminal can do only if it draws itself, so its start comes before ours.
static void start_drawing(void) {
  if (editor.draw == NULL || rl_redisplay_function == draw_later) return;
  rl_initialize();
  rl_redisplay_function = draw_later;
}

int shim_read_line(const char *prompt, const char *text, char **line) {
  *line = NULL;
  if (!isatty(STDIN_FILENO)) {
    *line = readline(prompt);
    return *line ? SHIM_LINE : SHIM_END_OF_INPUT;
  }
  shim_output_keep(0);
  start_drawing();
  editing_thread = pthread_self();
  sigset_t block, before, open;
  sigemptyset(&block);
  sigaddset(&block, SIGINT);
  struct sigaction action = {.sa_handler = on_signal}, actions[CAUGHT];
  for (int i = 0; i < CAUGHT; i++) sigaddset(&block, caught[i]);
  sigprocmask(SIG_BLOCK, &block, &before);  // a signal arrives only inside ppoll: no gap between the test and the wait
  for (int i = 0; i < CAUGHT; i++) {
    sigaction(caught[i], NULL, &actions[i]);
    if (actions[i].sa_handler == SIG_DFL) sigaction(caught[i], &action, NULL);
  }
  open = before;
  sigdelset(&open, SIGINT);
  for (int i = 0; i < CAUGHT; i++) sigdelset(&open, caught[i]);
  int status = SHIM_LINE;
  finished = 0;
  finished_line = NULL;
  rl_callback_handler_install(prompt, take_line);
  if (*text) {
    rl_insert_text(text);
    rl_redisplay_function();
  }
  while (!finished) {
    sigset_t blocked;  // where input waits, ppoll takes no signal
    sigprocmask(SIG_SETMASK, &open, &blocked);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    if (received) obey_signal(actions, &open);
    if (resized) {
      resized = 0;
      rl_resize_terminal();
    }
    if (shim_interrupt_pending()) {
      drop_line();
      status = SHIM_INTERRUPTED;
      break;
    }
    int ready = wait_for_input(&open);
    if (ready > 0) shim_keys_collect();
    if (ready > 0 && is_key_there_within(0)) rl_callback_read_char();
    if (ready < 0 && errno != EINTR) {
      take_line(NULL);
      break;
    }
  }
  for (int i = 0; i < CAUGHT; i++) sigaction(caught[i], &actions[i], NULL);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (status == SHIM_LINE && finished_line == NULL) status = SHIM_END_OF_INPUT;
  must_draw = 0;
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
  rl_attempted_completion_over = 1;
  rl_completion_suppress_append = 1;
  rl_sort_completion_matches = 0;
  candidates = editor.complete(start, end);
  char **matches = rl_completion_matches(text, generate);
  free(candidates);
  candidates = NULL;
  return matches;
}

static void show_matches(char **matches, int count, int longest) {
  (void)longest;
  editor.show_candidates(matches + 1, count);
  rl_forced_update_display();
}

void shim_readline_setup(const char *name, const shim_editor *hooks) {
  editor = *hooks;
  rl_readline_name = name;
  rl_catch_signals = 0;
  rl_catch_sigwinch = 0;
  rl_change_environment = 0;  // $COLUMNS would outlive the width that it names
  shim_keys_have_reader();
  rl_getc_function = next_key;
  rl_input_available_hook = is_key_there;
  rl_attempted_completion_function = attempt;
  rl_basic_word_break_characters = rl_completer_word_break_characters = " \t\n\"'><=;+-*/%^~#{}()[],&|!?";
  rl_basic_quote_characters = "";  // the completer ends strings itself
  rl_variable_bind("show-all-if-ambiguous", "on");
  rl_variable_bind("revert-all-at-newline", "on");  // edits of earlier entries end with the line
  if (editor.draw) rl_completion_display_matches_hook = show_matches;
  setlocale(LC_CTYPE, "C.UTF-8");  // where the environment names no locale; readline asks the environment first
  using_history();
}

void shim_define_key(const char *name, shim_key key, const char *sequence, int in_vi_mode) {
  rl_add_defun(name, key, -1);
  rl_bind_keyseq_in_map(sequence, key, emacs_standard_keymap);
  if (!in_vi_mode) return;
  rl_bind_keyseq_in_map(sequence, key, vi_insertion_keymap);
  rl_bind_keyseq_in_map(sequence, key, vi_movement_keymap);
}

int shim_width(uint32_t scalar) {
  static locale_t unicode;
  if (unicode == (locale_t)0) unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (unicode == (locale_t)0) return 1;
  locale_t before = uselocale(unicode);
  int width = wcwidth((wchar_t)scalar);
  uselocale(before);
  return width;
}

void shim_screen_size(int *rows, int *columns) {
  struct winsize size;
  *rows = 24;
  *columns = 80;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return;
  if (size.ws_row > 0) *rows = size.ws_row;
  if (size.ws_col > 0) *columns = size.ws_col;
}

int shim_output_pending(void) { return __fpending(stdout) > 0; }
