// Ctrl-C for Lua code: the signal handler sets a hook on the running thread, since a hook that is always set
// is too slow.
//
// The first press raises an error that `pcall` may catch. The second leaves the hook in place: it raises
// again in the code after the `pcall`, through coroutines too, until the top level has control. The third
// ends the process. A press counts as the first again once a library has handled the error of the last one, or
// a second after that error was raised. At a prompt, where the user waits, a `pcall` that goes on for a tenth of a second
// after the first press counts as the second press, unless it has asked whether the error is that of Ctrl-C.
//
// The time limit (limits.c) is a press that cannot be caught.
//
// SIGUSR2 and SIGTERM may be handled as a press, or only noted until a run has saved its step; the first press is
// then noted too.
#define _GNU_SOURCE
#include "lua_internal.h"
#include "shim_keys.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Read by the thread that watches the limits and by any that a signal comes to: set last, after `target_thread`.
static _Atomic(shim_state *) target;
static pthread_t target_thread;
static volatile sig_atomic_t presses, at_prompt, never_ends;
// When the error of the last press was raised, in milliseconds; 0 if it has not been.
static _Atomic int64_t raised_at;
static const int64_t handled_after_ms = 1000;
// The prompt insists on the first press, and whether code has recognised its error.
static volatile sig_atomic_t insists, recognised;
static _Atomic int limit_reached;  // written by the thread that watches the limits
static const int64_t swallowed_after_ms = 100;
// Between two looks at the clock, for code that goes on after the first press.
enum { INSTRUCTIONS_BETWEEN_LOOKS = 10000 };

// The hook that the user had set with `debug.sethook` on the thread that `stop` was set on.
static struct {
  lua_State *volatile thread;
  shim_hook hook;
} replaced;

// Each instruction of Lua code and nothing else: on calls of C functions the hook would also fire inside the
// engine's own protected operations.
static const int every_instruction = LUA_MASKCOUNT;

static void stop(lua_State *L, lua_Debug *ar);

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void set_stop_every(lua_State *L, int instructions) {
  lua_Hook user = lua_gethook(L);
  if (user != stop && (user != NULL || replaced.thread == NULL)) {
    replaced.hook = (shim_hook){user, lua_gethookmask(L), lua_gethookcount(L)};
    replaced.thread = L;
  }
  lua_sethook(L, stop, every_instruction, instructions);
}

static void set_stop(lua_State *L) { set_stop_every(L, 1); }

// The first press was raised, at a prompt, and nothing has recognised its error.
static int is_watched(void) { return presses == 1 && insists && raised_at != 0 && !recognised; }

static void remove_stop(lua_State *L) {
  if (lua_gethook(L) != stop) return;
  shim_hook none = {NULL, 0, 0}, *hook = replaced.thread == L ? &replaced.hook : &none;
  lua_sethook(L, hook->function, hook->mask, hook->count);
  if (replaced.thread == L) replaced.thread = NULL;
}

// Raises the error of the last press in `L`, whose hook then watches what becomes of it.
static void raise_press(lua_State *L) {
  shim_interrupt_clear();
  raised_at = now_ms();
  if (presses < 2) {
    if (is_watched()) set_stop_every(L, INSTRUCTIONS_BETWEEN_LOOKS);
    else remove_stop(L);
  }
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  luaL_traceback(L, L, NULL, 0);
  shim_swift.make_interrupt(L, shim_of(L)->owner);
  shim_raise_pending(L, lua_tostring(L, -1));
}

static void stop(lua_State *L, lua_Debug *ar) {
  (void)ar;
  if (is_watched() && !shim_interrupt_pending()) {
    if (now_ms() - raised_at < swallowed_after_ms) return;
    presses = 2;
    set_stop(L);
  }
  if (presses == 0 || (presses == 1 && !shim_interrupt_pending())) {
    remove_stop(L);  // set before the top level had control, or the error was recognised
    return;
  }
  raise_press(L);
}

void shim_raise_if_pressed(lua_State *L) {
  if (shim_interrupt_pending() && presses > 0 && shim_of(L) == target) raise_press(L);
}

void shim_hook_if_pressed(lua_State *L) {
  if (shim_of(L) != target) return;
  if (presses >= 2) set_stop(L);
  else if (is_watched()) set_stop_every(L, INSTRUCTIONS_BETWEEN_LOOKS);
}

void shim_interrupt_insist(int on) { insists = on; }
void shim_interrupt_recognised(void) { recognised = 1; }

void shim_interrupt_target(shim_state *s) {
  target_thread = pthread_self();
  sigset_t set;  // threads of a pool start with signals blocked
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  target = s;
}

void shim_interrupt_forget(shim_state *s) {
  if (target == s) target = NULL;
}

void shim_interrupt_press(void) {
  shim_interrupt_set();
  if (at_prompt) return;
  if (presses == 1 && raised_at != 0 && now_ms() - raised_at > handled_after_ms) presses = 0;
  raised_at = 0;
  recognised = 0;
  if (presses < 2 || !never_ends) presses = presses + 1;
  if (presses >= 3) {
    shim_terminal_give_back();
    _exit(limit_reached ? 124 : 130);
  }
  shim_state *s = target;
  if (s != NULL) set_stop(s->current);
}

static volatile sig_atomic_t stop_mode, stop_signal, stop_pressed;
// The signals that were noted, a bit each. One that comes again does not wait; another may be the same wish, as of
// the terminal and of the process that started this one.
static volatile sig_atomic_t noted;

enum { NOTED_INT = 1, NOTED_USR2 = 2, NOTED_TERM = 4 };

static int bit_of(int number) {
  return number == SIGINT ? NOTED_INT : number == SIGUSR2 ? NOTED_USR2 : NOTED_TERM;
}

// Says at a terminal what the first press does, once for a group of processes.
static void say_waiting(void) {
  static const char text[] = "\nthe step is completed and saved; Ctrl-C again stops at once\n";
  if (getpgrp() == getpid() && isatty(STDERR_FILENO)) {
    ssize_t unused = write(STDERR_FILENO, text, sizeof text - 1);
    (void)unused;
  }
}

// Whether a signal waits for the end of a step.
static int is_noted(int number) {
  if (stop_mode != SHIM_STOP_WAITS || noted & bit_of(number)) return 0;
  noted |= bit_of(number);
  stop_signal = number;
  if (number == SIGINT) say_waiting();
  return 1;
}

// Ctrl-C is over once it is raised: the prompt that it comes back to may begin another run.
static void forget_noted_press(void) {
  if (stop_signal == SIGINT) stop_signal = stop_pressed = 0;
  noted &= ~NOTED_INT;
}

// Only the thread that runs Lua may set the hook: any other thread passes the signal on.
static int is_passed_on(int number) {
  if (target == NULL || pthread_equal(pthread_self(), target_thread)) return 0;
  pthread_kill(target_thread, number);
  return 1;
}

// The handlers leave `errno` as it is: what they come into may be about to read it.
static void on_signal(int number) {
  int error = errno;
  if (!is_passed_on(number)) {
    shim_output_pressed();
    if (!is_noted(number)) {
      forget_noted_press();
      shim_interrupt_press();
    }
  }
  errno = error;
}

void shim_interrupt_install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0;  // no SA_RESTART: a blocked read must return
  sigaction(SIGINT, &action, NULL);
}

static void on_stop(int number) {
  int error = errno;
  if (!is_passed_on(number) && !is_noted(number)) {
    stop_signal = number;
    stop_pressed = 1;
    shim_interrupt_press();
  }
  errno = error;
}

void shim_stop_handle(int mode) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = mode == SHIM_STOP_ENDS ? SIG_DFL : on_stop;
  sigemptyset(&action.sa_mask);
  stop_mode = mode;
  sigaction(SIGUSR2, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  if (mode == SHIM_STOP_ENDS) stop_signal = stop_pressed = noted = 0;
  if (mode == SHIM_STOP_RAISES && stop_signal != 0 && !stop_pressed) {
    shim_stop_raised();
    shim_interrupt_press();
  }
}

int shim_stop_mode(void) { return stop_mode; }
int shim_stop_signal(void) { return stop_signal; }
void shim_stop_raised(void) {
  stop_pressed = 1;
  forget_noted_press();
}

void shim_interrupt_at_prompt(int on) { at_prompt = on; }
void shim_interrupt_never_ends(void) { never_ends = 1; }

static void on_press(int number) {
  (void)number;
  int error = errno;
  shim_interrupt_press();
  errno = error;
}

void shim_interrupt_from_thread(void) {
  struct sigaction now, action;
  // Within os.execute the C library ignores SIGINT.
  int is_ignored = sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
  if (is_ignored && target != NULL) {
    memset(&action, 0, sizeof action);
    action.sa_handler = on_press;
    sigemptyset(&action.sa_mask);
    sigaction(SIGRTMIN + 3, &action, NULL);
    pthread_kill(target_thread, SIGRTMIN + 3);
  }
  if (getpgrp() == getpid()) {
    killpg(getpgrp(), SIGINT);
  } else {
    kill(getpid(), SIGINT);
  }
}
int shim_interrupt_is_at_prompt(void) { return at_prompt; }

static void on_limit(int number) {
  (void)number;
  shim_interrupt_set();
  if (presses < 2) presses = 2;
  if (target != NULL) set_stop(target->current);
}

void shim_interrupt_limit(void) {
  limit_reached = 1;
  if (target == NULL) return;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_limit;
  sigemptyset(&action.sa_mask);
  sigaction(SIGVTALRM, &action, NULL);
  pthread_kill(target_thread, SIGVTALRM);
}
int shim_limit_reached(void) { return limit_reached; }

void shim_interrupt_reset(void) {
  if (limit_reached) return;
  presses = 0;
  raised_at = 0;
  shim_interrupt_clear();
  shim_state *s = target;
  if (s != NULL) remove_stop(s->main);
  replaced.thread = NULL;
}

void shim_interrupt_handled(void) {
  recognised = 1;
  if (presses < 2) presses = 0;
}

void shim_interrupt_consume(lua_State *L) {
  raised_at = now_ms();
  shim_interrupt_clear();
  if (presses < 2 && shim_of(L) == target && !is_watched()) remove_stop(L);
}
