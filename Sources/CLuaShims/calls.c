// Calls of Lua functions from Swift, with the traceback of an error.
#include "lua_internal.h"

static const char traceback_key = 0;

// Leaves the error value as it is and stores the traceback in the registry, unless the value is an object
// that carries its own. The text of a foreign object is taken here, where `__tostring` still sees the stack
// of the error, as in the stand-alone interpreter.
static int with_traceback(lua_State *L) {
  shim_state *s = shim_of(L);
  s->has_text = 0;
  shim_keep_locals_of_failed_chunk(L);
  if (shim_block_of_value(L, 1) == NULL) {
    if (lua_type(L, 1) != LUA_TSTRING && luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING) {
      s->has_text = 1;
    } else {
      luaL_traceback(L, L, NULL, 1);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
  }
  lua_settop(L, 1);
  return 1;
}

int shim_call(lua_State *L, int arguments, int results) {
  if (!lua_checkstack(L, 4)) return SHIM_NO_STACK;
  int handler = lua_gettop(L) - arguments;
  lua_pushcfunction(L, with_traceback);
  lua_insert(L, handler);
  int status = lua_pcall(L, arguments, results, handler);
  lua_remove(L, handler);
  if (status != LUA_OK) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &traceback_key);
    if (!lua_isnil(L, -1)) {
      lua_pushnil(L);  // the key exists: no allocation
      lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
    }
  }
  return status;
}

int shim_call_keeping_locals(lua_State *L, int locals_ref, int declared_ref, int hook) {
  shim_state *s = shim_of(L);
  // A command in the middle of an input runs another input.
  const void *outer = s->chunk;
  int outer_locals = s->locals_ref, outer_declared = s->declared_ref;
  s->chunk = lua_topointer(L, -1);
  s->locals_ref = locals_ref;
  s->declared_ref = declared_ref;
  if (hook) shim_hook_locals(L);
  int status = shim_call(L, 0, LUA_MULTRET);
  if (hook) shim_unhook_locals(L);
  s->chunk = outer;
  s->locals_ref = outer_locals;
  s->declared_ref = outer_declared;
  return status;
}
