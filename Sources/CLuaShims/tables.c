// table.concat, insert, move and remove that Ctrl-C can end.
//
// What they do follows ltablib.c of Lua 5.4 (Copyright 1994-2023 Lua.org, PUC-Rio; MIT licence).
#include "lua_internal.h"

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
      shim_look(L, i);
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
    shim_look(L, place);
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
      shim_look(L, i);
      copy(L, from + k, target, to + k);
    }
  }
  lua_pushvalue(L, target);
  return 1;
}

static void add_element(lua_State *L, luaL_Buffer *b, lua_Integer i) {
  lua_geti(L, 1, i);
  if (!lua_isstring(L, -1)) {
    luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1), (LUAI_UACINT)i);
  }
  luaL_addvalue(b);
}

static int table_concat(lua_State *L) {
  shim_check_table(L, 1, TABLE_READ | TABLE_LENGTH);
  lua_Integer last = luaL_len(L, 1);
  size_t count;
  const char *between = luaL_optlstring(L, 2, "", &count);
  lua_Integer i = luaL_optinteger(L, 3, 1);
  last = luaL_optinteger(L, 4, last);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (; i < last; i++) {
    shim_look(L, i);
    add_element(L, &b, i);
    luaL_addlstring(&b, between, count);
  }
  if (i == last) add_element(L, &b, i);
  luaL_pushresult(&b);
  return 1;
}

const luaL_Reg shim_tables[] = {{"concat", table_concat},
                                {"insert", table_insert},
                                {"move", table_move},
                                {"remove", table_remove},
                                {NULL, NULL}};
