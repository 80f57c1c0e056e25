// Lua states: a counting allocator, the libraries, coroutines that note the running thread, and closing.
#include "lua_internal.h"
#include "shim_refusals.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

shim_callbacks shim_swift;

void shim_lua_callbacks(const shim_callbacks *callbacks) { shim_swift = *callbacks; }

// Counts every byte of the Lua heap. Shrinking never fails: Lua relies on it.
static void *counting_alloc(void *ud, void *block, size_t old_size, size_t new_size) {
  shim_state *s = ud;
  if (block == NULL) old_size = 0;  // then old_size is a type tag
  if (new_size == 0) {
    free(block);
    s->used_bytes -= old_size;
    return NULL;
  }
  if (new_size > old_size && shim_is_refused(SHIM_LUA_HEAP)) return NULL;
  if (new_size > old_size && s->limit_bytes != 0) {
    size_t more = new_size - old_size, used = s->used_bytes + shim_swift.native_bytes(s->owner);
    if (used > s->limit_bytes || more > s->limit_bytes - used) return NULL;
  }
  void *moved = realloc(block, new_size);
  if (moved == NULL) return new_size <= old_size ? block : NULL;
  s->used_bytes += new_size - old_size;
  return moved;
}

// Only an error outside every protected call arrives here, which is a fault of this file: say so before Lua
// aborts.
static int panic(lua_State *L) {
  const char *message = lua_tostring(L, -1);
  fprintf(stderr, "perilune: unprotected Lua error: %s\n", message ? message : "(not a string)");
  return 0;
}

// As the stand-alone interpreter: warnings start off, `@on` and `@off` switch them.
static void warn(void *ud, const char *message, int to_be_continued) {
  shim_state *s = ud;
  if (s->warnings != 2 && !to_be_continued && message[0] == '@') {
    if (strcmp(message + 1, "on") == 0) s->warnings = 1;
    if (strcmp(message + 1, "off") == 0) s->warnings = 0;
    return;
  }
  if (s->warnings == 0) return;
  if (s->warnings == 1) fputs("Lua warning: ", stderr);
  fputs(message, stderr);
  if (to_be_continued) {
    s->warnings = 2;
  } else {
    fputs("\n", stderr);
    fflush(stderr);
    s->warnings = 1;
  }
}

// coroutine.resume and coroutine.wrap as in lcorolib.c, except that they note which thread is running, so
// that Ctrl-C can reach a loop inside a coroutine.
static int resume(lua_State *L, lua_State *co, int arguments) {
  int results;
  if (!lua_checkstack(co, arguments)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, arguments);
  shim_state *s = shim_of(L);
  lua_State *before = s->current;
  s->current = co;
  int status = lua_resume(co, L, arguments, &results);
  s->current = before;
  shim_hook_if_pressed(L);
  if (status == LUA_OK || status == LUA_YIELD) {
    if (!lua_checkstack(L, results + 1)) {
      lua_pop(co, results);
      lua_pushliteral(L, "too many results to resume");
      return -1;
    }
    lua_xmove(co, L, results);
    return results;
  }
  lua_xmove(co, L, 1);
  return -1;
}

static int co_resume(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "coroutine");
  int r = resume(L, co, lua_gettop(L) - 1);
  if (r < 0) {
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
  }
  lua_pushboolean(L, 1);
  lua_insert(L, -(r + 1));
  return r + 1;
}

static int co_wrap_call(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  if (co == NULL) return luaL_error(L, "the coroutine of this function was replaced");  // by debug.setupvalue
  int r = resume(L, co, lua_gettop(L));
  if (r >= 0) return r;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    status = lua_resetthread(co);
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int co_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, co_wrap_call, 1);
  return 1;
}

static int open_libraries(lua_State *L) {
  luaL_openlibs(L);
  lua_getglobal(L, "coroutine");
  lua_pushcfunction(L, co_resume);
  lua_setfield(L, -2, "resume");
  lua_pushcfunction(L, co_wrap);
  lua_setfield(L, -2, "wrap");
  lua_getglobal(L, "table");
  luaL_setfuncs(L, shim_tables, 0);
  luaL_setfuncs(L, shim_sort, 0);
  lua_getglobal(L, "string");
  luaL_setfuncs(L, shim_patterns, 0);
  luaL_setfuncs(L, shim_strings, 0);
  lua_pushglobaltable(L);
  luaL_setfuncs(L, shim_loaders, 0);
  return 0;
}

static int ignore_environment(lua_State *L) {
  lua_pushboolean(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  return 0;
}

static int open_core(lua_State *L) {
  shim_open_entries(L);
  return 0;
}

const char *shim_lua_copyright(void) { return LUA_COPYRIGHT; }

shim_state *shim_lua_new(void) {
  shim_state *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  lua_State *L = lua_newstate(counting_alloc, s);
  if (L == NULL) {
    free(s);
    return NULL;
  }
  s->main = s->current = L;
  *(shim_state **)lua_getextraspace(L) = s;
  lua_atpanic(L, panic);
  lua_setwarnf(L, warn, s);
  return s;
}

void shim_lua_restrict(shim_state *s) { s->is_restricted = 1; }

int shim_lua_open(shim_state *s, int libraries) {
  lua_pushcfunction(s->main, open_core);
  int status = lua_pcall(s->main, 0, 0, 0);
  if (status != LUA_OK || !libraries) return status;
  if (libraries == 2) {
    lua_pushcfunction(s->main, ignore_environment);
    if ((status = lua_pcall(s->main, 0, 0, 0)) != LUA_OK) return status;
  }
  lua_pushcfunction(s->main, open_libraries);
  return lua_pcall(s->main, 0, 0, 0);
}

void shim_lua_close(shim_state *s) {
  shim_interrupt_forget(s);
  lua_close(s->main);
  free(s);
}

static int op_collect(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

int shim_lua_collect(lua_State *L) {
  if (!lua_checkstack(L, 2)) return SHIM_NO_STACK;
  lua_pushcfunction(L, op_collect);
  return lua_pcall(L, 0, 0, 0);
}
