// Ctrl-C for Lua code: the signal handler sets a hook on the running thread, since a hook that is always set
// is too slow.
//
// The first press raises an error that `pcall` may catch. The second leaves the hook in place: it raises
// again in the code after the `pcall`, through coroutines too, until the top level has control. The third
// ends the process. A press counts as the first again once a library has handled the error of the last one, or
// a second after that error was raised.
//
// SIGUSR2 and SIGTERM may be handled as a press, or only noted until a run has saved its step.
#define _GNU_SOURCE
#include "lua_internal.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static shim_state *volatile target;
static pthread_t target_thread;
static volatile sig_atomic_t presses, at_prompt;
// When the error of the last press was raised, in milliseconds; 0 if it has not been.
static _Atomic int64_t raised_at;
static const int64_t handled_after_ms = 1000;

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

static void set_stop(lua_State *L) {
  lua_Hook user = lua_gethook(L);
  if (user != stop && (user != NULL || replaced.thread == NULL)) {
    replaced.hook = (shim_hook){user, lua_gethookmask(L), lua_gethookcount(L)};
    replaced.thread = L;
  }
  lua_sethook(L, stop, every_instruction, 1);
}

static void remove_stop(lua_State *L) {
  if (lua_gethook(L) != stop) return;
  shim_hook none = {NULL, 0, 0}, *hook = replaced.thread == L ? &replaced.hook : &none;
  lua_sethook(L, hook->function, hook->mask, hook->count);
  if (replaced.thread == L) replaced.thread = NULL;
}

static void stop(lua_State *L, lua_Debug *ar) {
  (void)ar;
  if (presses < 2) remove_stop(L);
  if (presses == 0) return;  // set before the top level had control
  shim_interrupt_clear();
  raised_at = now_ms();
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  luaL_traceback(L, L, NULL, 0);
  shim_swift.make_interrupt(L, shim_of(L)->owner);
  shim_raise_pending(L, lua_tostring(L, -1));
}

void shim_hook_if_pressed_twice(lua_State *L) {
  if (presses >= 2 && shim_of(L) == target) set_stop(L);
}

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
  presses = presses + 1;
  if (presses >= 3) _exit(130);
  shim_state *s = target;
  if (s != NULL) set_stop(s->current);
}

// Only the thread that runs Lua may set the hook: any other thread passes the signal on.
static void on_signal(int number) {
  if (target != NULL && !pthread_equal(pthread_self(), target_thread)) {
    pthread_kill(target_thread, number);
    return;
  }
  shim_interrupt_press();
}

void shim_interrupt_install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0;  // no SA_RESTART: a blocked read must return
  sigaction(SIGINT, &action, NULL);
}

static volatile sig_atomic_t stop_mode, stop_signal, stop_pressed;

static void on_stop(int number) {
  if (target != NULL && !pthread_equal(pthread_self(), target_thread)) {
    pthread_kill(target_thread, number);
    return;
  }
  int is_first = stop_signal == 0;
  stop_signal = number;
  if (stop_mode == SHIM_STOP_RAISES || !is_first) {
    stop_pressed = 1;
    shim_interrupt_press();
  }
}

void shim_stop_handle(int mode) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = mode == SHIM_STOP_ENDS ? SIG_DFL : on_stop;
  sigemptyset(&action.sa_mask);
  stop_mode = mode;
  sigaction(SIGUSR2, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  if (mode == SHIM_STOP_ENDS) stop_signal = stop_pressed = 0;
  if (mode == SHIM_STOP_RAISES && stop_signal != 0 && !stop_pressed) {
    stop_pressed = 1;
    shim_interrupt_press();
  }
}

int shim_stop_mode(void) { return stop_mode; }
int shim_stop_signal(void) { return stop_signal; }
void shim_stop_raised(void) { stop_pressed = 1; }

void shim_interrupt_at_prompt(int on) { at_prompt = on; }
int shim_interrupt_is_at_prompt(void) { return at_prompt; }

void shim_interrupt_reset(void) {
  presses = 0;
  raised_at = 0;
  shim_interrupt_clear();
  shim_state *s = target;
  if (s != NULL) remove_stop(s->main);
  replaced.thread = NULL;
}

void shim_interrupt_handled(void) {
  if (presses < 2) presses = 0;
}

void shim_interrupt_consume(lua_State *L) {
  if (presses < 2 && shim_of(L) == target) remove_stop(L);
  raised_at = now_ms();
  shim_interrupt_clear();
}
