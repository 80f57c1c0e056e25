// string.rep that Ctrl-C can end.
//
// What it does follows lstrlib.c of Lua 5.4 (Copyright 1994-2023 Lua.org, PUC-Rio; MIT licence).
#include "lua_internal.h"
#include <limits.h>
#include <string.h>

static int string_rep(lua_State *L) {
  size_t count, between_count;
  const char *text = luaL_checklstring(L, 1, &count);
  lua_Integer n = luaL_checkinteger(L, 2);
  const char *between = luaL_optlstring(L, 3, "", &between_count);
  if (n <= 0 || (count == 0 && between_count == 0)) {
    lua_pushliteral(L, "");
    return 1;
  }
  if (count + between_count < count || count + between_count > (size_t)INT_MAX / (size_t)n) {
    return luaL_error(L, "resulting string too large");
  }
  luaL_Buffer b;
  size_t whole = (size_t)n * count + (size_t)(n - 1) * between_count;
  char *p = luaL_buffinitsize(L, &b, whole);
  for (;;) {
    memcpy(p, text, count);
    p += count;
    if (--n == 0) break;
    shim_look(L, n);
    if (between_count == 0) continue;
    memcpy(p, between, between_count);
    p += between_count;
  }
  luaL_pushresultsize(&b, whole);
  return 1;
}

const luaL_Reg shim_strings[] = {{"rep", string_rep}, {NULL, NULL}};
