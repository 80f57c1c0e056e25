// load that Ctrl-C can end where the function that gives the text is one of C, as `collectgarbage`.
//
// What it does follows lbaselib.c of Lua 5.4 (Copyright 1994-2023 Lua.org, PUC-Rio; MIT licence).
#include "lua_internal.h"

// The place on the stack that keeps the last piece of the text.
enum { PIECE = 5 };

// Ends the text at a press: an error would be the result of `load`, which goes on.
static const char *next_piece(lua_State *L, void *unused, size_t *count) {
  (void)unused;
  *count = 0;
  if (shim_interrupt_pending()) return NULL;
  luaL_checkstack(L, 2, "too many nested functions");
  lua_pushvalue(L, 1);
  lua_call(L, 0, 1);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return NULL;
  }
  if (!lua_isstring(L, -1)) luaL_error(L, "reader function must return a string");
  lua_replace(L, PIECE);
  return lua_tolstring(L, PIECE, count);
}

static int load(lua_State *L) {
  size_t count;
  const char *text = lua_tolstring(L, 1, &count);
  const char *mode = luaL_optstring(L, 3, "bt");
  int environment = lua_isnone(L, 4) ? 0 : 4, status;
  if (text != NULL) {
    status = luaL_loadbufferx(L, text, count, luaL_optstring(L, 2, text), mode);
  } else {
    const char *name = luaL_optstring(L, 2, "=(load)");
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, PIECE);
    status = lua_load(L, next_piece, NULL, name, mode);
    shim_raise_if_pressed(L);
  }
  if (status != LUA_OK) {
    luaL_pushfail(L);
    lua_insert(L, -2);
    return 2;
  }
  if (environment != 0) {
    lua_pushvalue(L, environment);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
  }
  return 1;
}

const luaL_Reg shim_loaders[] = {{"load", load}, {NULL, NULL}};
