// Native functions, and what the frames of the stack tell about a call.
#include "lua_internal.h"
#include <stdio.h>
#include <string.h>

// The C function of every native function; its upvalue owns the Swift entry.
static int native(lua_State *L) {
  block *b = shim_block_of_entry(L, lua_upvalueindex(1));
  shim_state *s = shim_of(L);
  if (b == NULL || b->object == NULL) return luaL_error(L, "this native function was replaced or released");
  lua_State *before = s->current;
  s->current = L;
  int results = shim_swift.call(L, s->owner, b->object);
  s->current = before;
  shim_hook_if_pressed(L);
  if (results >= 0) return results;
  if (results == SHIM_RAISE_TOP) return lua_error(L);
  lua_settop(L, 0);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  luaL_traceback(L, L, NULL, 0);
  return shim_raise_pending(L, lua_tostring(L, 1));
}

static int op_function(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  block *b = shim_new_entry(L);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, native, 1);
  b->object = o->object;  // last: before, an error would leave two owners
  return 1;
}
int shim_push_function(lua_State *L, void *entry) {
  operands o = {.object = entry};
  return shim_protect(L, op_function, &o, 1);
}

static int op_traceback(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  luaL_traceback(L, o->object, NULL, o->a);
  return 1;
}
int shim_traceback(lua_State *L, int level) {
  operands o = {.object = L, .a = level + 1};  // op_traceback has a frame of its own
  return shim_protect(L, op_traceback, &o, 1);
}

// True for a frame between a native function and the code that called it: the search for `t.key` on behalf of
// a class, or a chunk of the engine, which is named "=perilune".
static int is_own_frame(lua_State *L, lua_Debug *ar) {
  if (strcmp(ar->source, "=perilune") == 0) return 1;
  if (*ar->what != 'C' || !lua_checkstack(L, 1) || !lua_getinfo(L, "f", ar)) return 0;
  int found = lua_tocfunction(L, -1) == shim_class_index;
  lua_pop(L, 1);
  return found;
}

void shim_where(lua_State *L, int level, char *out, size_t size) {
  lua_Debug ar;
  out[0] = 0;
  do {
    if (!lua_getstack(L, level++, &ar) || !lua_getinfo(L, "Sl", &ar)) return;
  } while (is_own_frame(L, &ar));
  if (ar.currentline <= 0) return;
  snprintf(out, size, "%s:%d: ", ar.short_src, ar.currentline);
}

int shim_called_as_method(lua_State *L) {
  lua_Debug ar;
  if (!lua_getstack(L, 0, &ar) || !lua_getinfo(L, "n", &ar)) return 0;
  return strcmp(ar.namewhat, "method") == 0;
}

int shim_called_from_c(lua_State *L) {
  lua_Debug ar;
  int level = 1;
  do {
    if (!lua_getstack(L, level++, &ar) || !lua_getinfo(L, "S", &ar)) return 0;
  } while (is_own_frame(L, &ar));
  return *ar.what == 'C';
}
