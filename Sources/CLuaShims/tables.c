// string.rep, table.move, insert and remove that Ctrl-C can end: the library's own repeat an empty text, or move what is not
// there, as often as a number says, and no hook of Lua's runs meanwhile.
//
// What they do follows lstrlib.c and ltablib.c of Lua 5.4 (Copyright 1994-2023 Lua.org, PUC-Rio; MIT licence).
#include "lua_internal.h"
#include <limits.h>
#include <string.h>

// Copies between two looks at the flag of Ctrl-C.
enum { LOOK_EVERY = 1 << 14 };

static void look(lua_State *L, lua_Integer i) {
  if (i % LOOK_EVERY == 0) shim_raise_if_pressed(L);
}

void shim_check_table(lua_State *L, int i, int what) {
  static const char *const names[] = {"__index", "__newindex", "__len"};
  if (lua_istable(L, i)) return;
  int found = lua_getmetatable(L, i), top = lua_gettop(L);
  for (int k = 0; found && k < 3; k++) {
    if (!(what & 1 << k)) continue;
    lua_pushstring(L, names[k]);
    found = lua_rawget(L, top) != LUA_TNIL;
  }
  if (!found) luaL_checktype(L, i, LUA_TTABLE);
  lua_settop(L, top - 1);
}

static lua_Integer length(lua_State *L) {
  shim_check_table(L, 1, TABLE_READ | TABLE_WRITE | TABLE_LENGTH);
  return luaL_len(L, 1);
}

static void copy(lua_State *L, lua_Integer from, int target, lua_Integer to) {
  lua_geti(L, 1, from);
  lua_seti(L, target, to);
}

static int table_insert(lua_State *L) {
  lua_Integer end = (lua_Integer)((lua_Unsigned)length(L) + 1), place = end;
  switch (lua_gettop(L)) {
  case 2: break;
  case 3:
    place = luaL_checkinteger(L, 2);
    luaL_argcheck(L, (lua_Unsigned)place - 1u < (lua_Unsigned)end, 2, "position out of bounds");
    for (lua_Integer i = end; i > place; i--) {
      look(L, i);
      copy(L, i - 1, 1, i);
    }
    break;
  default: return luaL_error(L, "wrong number of arguments to 'insert'");
  }
  lua_seti(L, 1, place);
  return 0;
}

static int table_remove(lua_State *L) {
  lua_Integer size = length(L), place = luaL_optinteger(L, 2, size);
  if (place != size) luaL_argcheck(L, (lua_Unsigned)place - 1u <= (lua_Unsigned)size, 2, "position out of bounds");
  lua_geti(L, 1, place);
  for (; place < size; place++) {
    look(L, place);
    copy(L, place + 1, 1, place);
  }
  lua_pushnil(L);
  lua_seti(L, 1, place);
  return 1;
}

static int table_move(lua_State *L) {
  lua_Integer from = luaL_checkinteger(L, 2), end = luaL_checkinteger(L, 3), to = luaL_checkinteger(L, 4);
  int target = lua_isnoneornil(L, 5) ? 1 : 5;
  shim_check_table(L, 1, TABLE_READ);
  shim_check_table(L, target, TABLE_WRITE);
  if (end >= from) {
    luaL_argcheck(L, from > 0 || end < LUA_MAXINTEGER + from, 3, "too many elements to move");
    lua_Integer n = end - from + 1;
    luaL_argcheck(L, to <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
    int rises = to > end || to <= from || (target != 1 && !lua_compare(L, 1, target, LUA_OPEQ));
    for (lua_Integer i = 0; i < n; i++) {
      lua_Integer k = rises ? i : n - 1 - i;
      look(L, i);
      copy(L, from + k, target, to + k);
    }
  }
  lua_pushvalue(L, target);
  return 1;
}

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
    look(L, n);
    if (between_count == 0) continue;
    memcpy(p, between, between_count);
    p += between_count;
  }
  luaL_pushresultsize(&b, whole);
  return 1;
}

const luaL_Reg shim_strings[] = {{"rep", string_rep}, {NULL, NULL}};
const luaL_Reg shim_tables[] = {{"insert", table_insert},
                                {"move", table_move},
                                {"remove", table_remove},
                                {"sort", shim_table_sort},
                                {NULL, NULL}};
