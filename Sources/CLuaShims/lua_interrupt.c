// Ctrl-C for Lua code: the handler sets a hook on the thread that runs, for no standing hook is cheap enough.
//
// The first press raises an error that `pcall` may catch. The second leaves the hook in place: it raises again in whatever
// runs after the `pcall`, through coroutines too, until the top level has control. The third leaves the process.
#define _GNU_SOURCE
#include "lua_internal.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static shim_state *volatile target;
static pthread_t target_thread;
static volatile sig_atomic_t presses, at_prompt;

// Each instruction of Lua code, and nothing else: on calls of C functions the hook would also fire inside the engine's own
// protected operations.
static const int every_instruction = LUA_MASKCOUNT;

static void stop(lua_State *L, lua_Debug *ar) {
  (void)ar;
  if (presses < 2) lua_sethook(L, NULL, 0, 0);
  if (presses == 0) return;  // left over from a time before the top level had control
  shim_interrupt_clear();
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  luaL_traceback(L, L, NULL, 0);
  shim_swift.make_interrupt(L, shim_of(L)->owner);
  shim_raise_pending(L, lua_tostring(L, -1));
}

void shim_hook_if_pressed_twice(lua_State *L) {
  if (presses >= 2 && shim_of(L) == target) lua_sethook(L, stop, every_instruction, 1);
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
  presses = presses + 1;
  if (presses >= 3) _exit(130);
  shim_state *s = target;
  if (s != NULL) lua_sethook(s->current, stop, every_instruction, 1);
}

// The hook may only be set by the thread that runs Lua: any other thread passes the signal on.
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

void shim_interrupt_at_prompt(int on) { at_prompt = on; }

void shim_interrupt_reset(void) {
  presses = 0;
  shim_interrupt_clear();
  shim_state *s = target;
  if (s != NULL) lua_sethook(s->main, NULL, 0, 0);
}

void shim_interrupt_consume(lua_State *L) {
  if (presses < 2 && shim_of(L) == target) lua_sethook(L, NULL, 0, 0);
  shim_interrupt_clear();
}
